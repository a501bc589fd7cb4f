// installed by amcaffe
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/label_specific_margin_layer.hpp"
#include "caffe/layers/normalized_inner_product_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

template <typename TypeParam>
class LabelSpecificMarginLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  LabelSpecificMarginLayerTest() {
    param_.set_name("margin");
    param_.set_type("LabelSpecificMargin");
    param_.set_phase(TRAIN);
    SetBlob({4, 3}, {0.5, 0.75, -0.5,
                     0.25, 0.875, 1,
                     -1, 0.25, -0.25,
                     0.75, 0.5, 0.25}, &cosine_);
    SetBlob({4}, {0, 1, 2, -1}, &label_);
    bottom_ = {&cosine_, &label_};
    top_ = {&top_cosine_, &top_margin_};
  }

  LabelSpecificMarginParameter* margin() {
    return param_.mutable_label_specific_margin_param();
  }

  void SetConstant(const double value) {
    margin()->set_margin_base(value);
    margin()->set_gamma(0);
  }

  void Forward() {
    LabelSpecificMarginLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    layer.Forward(bottom_, top_);
  }

  void CheckGradient() {
    LabelSpecificMarginLayer<Dtype> layer(param_);
    GradientChecker<Dtype> checker(2e-3, 1e-2);
    const vector<Blob<Dtype>*> top = {&top_cosine_};
    checker.CheckGradientExhaustive(&layer, bottom_, top, 0);
  }

  LayerParameter param_;
  Blob<Dtype> cosine_, label_, top_cosine_, top_margin_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(LabelSpecificMarginLayerTest, TestDtypesAndDevices);

TYPED_TEST(LabelSpecificMarginLayerTest, TestHardIsInDegrees) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetConstant(30);
  this->Forward();
  // cos(60 + 30 degrees), and x * cos(30) - sqrt(1 - x^2) * sin(30).
  ExpectNear({0, 0.75, -0.5,
              0.25, 0.515710769, 1,
              -1, 0.25, -0.700629270,
              0.75, 0.5, 0.25}, this->top_cosine_.cpu_data(), Dtype(2e-6));
  EXPECT_EQ(30, this->top_margin_.cpu_data()[0]);
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestSoftIsAFactor) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetConstant(2);
  this->margin()->set_type(LabelSpecificMarginParameter_MarginType_SOFT);
  this->Forward();
  // cos(2 theta) = 2 x^2 - 1, and past pi just above -1.
  ExpectNear({-0.5, 0.75, -0.5,
              0.25, 0.53125, 1,
              -1, 0.25, -0.999999995,
              0.75, 0.5, 0.25}, this->top_cosine_.cpu_data(), Dtype(2e-6));
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestMonotone) {
  this->SetConstant(2);
  this->margin()->set_type(LabelSpecificMarginParameter_MarginType_SOFT);
  this->margin()->set_bound(LabelSpecificMarginParameter_Bound_MONOTONE);
  this->Forward();
  // -cos(2 theta) - 2
  EXPECT_NEAR(-1.125, this->top_cosine_.cpu_data()[8], 2e-6);
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestGradient) {
  this->SetConstant(15);
  this->CheckGradient();
  this->SetConstant(1.25);
  this->margin()->set_type(LabelSpecificMarginParameter_MarginType_SOFT);
  this->margin()->set_bound(LabelSpecificMarginParameter_Bound_MONOTONE);
  this->CheckGradient();
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestPassBp) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetConstant(30);
  this->margin()->set_pass_bp(true);
  LabelSpecificMarginLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  EXPECT_NEAR(0, this->top_cosine_.cpu_data()[0], 2e-6);
  const vector<double> diff = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12};
  BackwardFrom(diff, this->top_, this->bottom_, &layer);
  EXPECT_EQ(diff, DiffOf(this->cosine_));
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestInPlace) {
  this->SetConstant(30);
  ExpectSameInPlace(this->param_, this->bottom_,
      {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12});
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestPhases) {
  this->SetConstant(30);
  this->param_.set_phase(TEST);
  // Not read in this phase: it may come from another set of classes.
  this->label_.mutable_cpu_data()[3] = 7;
  this->Forward();
  EXPECT_EQ(DataOf(this->cosine_), DataOf(this->top_cosine_));
  EXPECT_EQ(0, this->top_margin_.cpu_data()[0]);
  this->label_.mutable_cpu_data()[3] = -1;
  this->margin()->set_margin_on_test(true);
  this->Forward();
  EXPECT_NEAR(0, this->top_cosine_.cpu_data()[0], 2e-6);
  EXPECT_EQ(30, this->top_margin_.cpu_data()[0]);
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestAnnealing) {
  typedef typename TypeParam::Dtype Dtype;
  this->margin()->set_margin_base(5);
  this->margin()->set_gamma(2);
  this->margin()->set_margin_max(10);
  this->margin()->set_iteration(1);
  LabelSpecificMarginLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  const double margin[] = {7, 9, 10, 10};
  for (int i = 0; i < 4; ++i) {
    layer.Forward(this->bottom_, this->top_);
    EXPECT_EQ(margin[i], this->top_margin_.cpu_data()[0]);
    EXPECT_EQ(margin[i], layer.blobs()[0]->cpu_data()[0]);
    EXPECT_EQ(2 + i, layer.blobs()[1]->cpu_data()[0]);
  }
  // It goes on from a saved layer, whose TEST phase does not count.
  LayerParameter saved;
  this->margin()->set_margin_max(100);
  this->margin()->set_margin_on_test(true);
  layer.ToProto(&saved, false);
  *saved.mutable_label_specific_margin_param() = *this->margin();
  saved.set_phase(TEST);
  LabelSpecificMarginLayer<Dtype> resumed(saved);
  resumed.SetUp(this->bottom_, this->top_);
  for (int i = 0; i < 2; ++i) {
    resumed.Forward(this->bottom_, this->top_);
    EXPECT_EQ(15, this->top_margin_.cpu_data()[0]);
  }
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestSnapshotAndResume) {
  typedef typename TypeParam::Dtype Dtype;
  ExpectResumesExactly<Dtype>(
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 'label' "
      "  dummy_data_param { data_filler { value: 0.25 } "
      "    data_filler { value: 1 } shape { dim: 2 dim: 3 } "
      "    shape { dim: 2 } } } "
      "layer { name: 'fc' type: 'NormalizedInnerProduct' bottom: 'x' "
      "  top: 'fc' normalized_inner_product_param { num_output: 3 "
      "    weight_filler { type: 'gaussian' } } } "
      "layer { name: 'margin' type: 'LabelSpecificMargin' bottom: 'fc' "
      "  bottom: 'label' top: 'fc_margin' top: 'margin' "
      "  label_specific_margin_param { margin_base: 2 gamma: 1.5 } }",
      "margin");
}

// A weights file of the layer as first published has one blob, the margin.
TYPED_TEST(LabelSpecificMarginLayerTest, TestMarginOfGivenWeights) {
  typedef typename TypeParam::Dtype Dtype;
  LabelSpecificMarginLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  ASSERT_EQ(1, layer.blobs().size());
  layer.blobs()[0]->mutable_cpu_data()[0] = 30;
  layer.Forward(this->bottom_, this->top_);
  EXPECT_NEAR(0, this->top_cosine_.cpu_data()[0], 2e-6);
  EXPECT_EQ(0, layer.layer_param().param(0).lr_mult());
  EXPECT_EQ(0, layer.layer_param().param(0).decay_mult());
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestRefusals) {
  this->margin()->set_auto_tune(true);
  EXPECT_FATAL(this->Forward(), "Layer margin .LabelSpecificMargin.: auto_tune "
      "is not supported. Set margin_base");
  this->margin()->clear_auto_tune();
  this->margin()->set_reset_margin(true);
  EXPECT_FATAL(this->Forward(), "reset_margin never had an effect");
  this->margin()->clear_reset_margin();
  this->margin()->set_type(LabelSpecificMarginParameter_MarginType_SOFT);
  EXPECT_FATAL(this->Forward(), "which must be above 0");
  this->SetConstant(std::numeric_limits<double>::infinity());
  EXPECT_FATAL(this->Forward(), "the margin is inf, but must be finite");
  this->SetConstant(2);
  this->label_.mutable_cpu_data()[3] = 3;
  EXPECT_FATAL(this->Forward(), "row 3 of the batch has label 3");
  this->bottom_.push_back(&this->label_);
  EXPECT_FATAL(this->Forward(), "2 bottom blob");
}

TYPED_TEST(LabelSpecificMarginLayerTest, TestARefusedMarginIsNotKept) {
  typedef typename TypeParam::Dtype Dtype;
  // 30 + (1 - 1)^-1 - 1 in the second pass.
  this->margin()->set_margin_base(30);
  this->margin()->set_gamma(-1);
  this->margin()->set_power(-1);
  LabelSpecificMarginLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  const vector<double> top = DataOf(this->top_cosine_);
  EXPECT_FATAL(layer.Forward(this->bottom_, this->top_), "the margin is inf");
  EXPECT_EQ(30, layer.blobs()[0]->cpu_data()[0]);
  EXPECT_EQ(1, layer.blobs()[1]->cpu_data()[0]);
  EXPECT_EQ(30, this->top_margin_.cpu_data()[0]);
  EXPECT_EQ(top, DataOf(this->top_cosine_));
  // 1 + (1 - 1) - 1
  this->margin()->set_margin_base(1);
  this->margin()->set_power(1);
  this->margin()->set_type(LabelSpecificMarginParameter_MarginType_SOFT);
  LabelSpecificMarginLayer<Dtype> soft(this->param_);
  soft.SetUp(this->bottom_, this->top_);
  soft.Forward(this->bottom_, this->top_);
  EXPECT_FATAL(soft.Forward(this->bottom_, this->top_), "must be above 0");
  EXPECT_EQ(1, soft.blobs()[0]->cpu_data()[0]);
  EXPECT_EQ(1, soft.blobs()[1]->cpu_data()[0]);
}

}  // namespace caffe
