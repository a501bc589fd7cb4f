// installed by amcaffe
#include <limits>
#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layer_factory.hpp"
#include "caffe/layers/label_specific_add_layer.hpp"
#include "caffe/net.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

template <typename TypeParam>
class LabelSpecificAddLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  LabelSpecificAddLayerTest() {
    param_.set_name("margin");
    param_.set_type("LabelSpecificAdd");
    param_.set_phase(TRAIN);
    param_.mutable_label_specific_add_param()->set_bias(-0.25);
    // The targets: above the margin, just at it, below it, and ignored.
    SetBlob({4, 3},
        {0.75, 0.5, -0.5, 0.5, 0.25, 0.75, 0.5, 0.125, -0.5, 0.75, 0.5, 0.25},
        &logits_);
    SetBlob({4}, {0, 1, 2, -1}, &label_);
    bottom_ = {&logits_, &label_};
    top_ = {&top_logits_};
  }

  // Anneals the bias by -0.125 each pass, from 0 down to -0.3125.
  void Anneal() {
    LabelSpecificAddParameter* param =
        param_.mutable_label_specific_add_param();
    param->set_bias_base(0);
    param->set_bias_gamma(-0.125);
    param->set_bias_min(-0.3125);
    param->set_bias_max(0);
    top_ = {&top_logits_, &top_bias_};
  }

  void Forward() {
    LabelSpecificAddLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    layer.Forward(bottom_, top_);
  }

  void ExpectFatalFor(const double label, const char* message) {
    LabelSpecificAddLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    label_.mutable_cpu_data()[2] = label;
    EXPECT_FATAL(layer.Forward(bottom_, top_), message);
  }

  LayerParameter param_;
  Blob<Dtype> logits_, label_, top_logits_, top_bias_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(LabelSpecificAddLayerTest, TestDtypesAndDevices);

TYPED_TEST(LabelSpecificAddLayerTest, TestAddsOnlyAboveTheMargin) {
  this->Forward();
  ExpectNear(
      {0.5, 0.5, -0.5, 0.5, 0.25, 0.75, 0.5, 0.125, -0.5, 0.75, 0.5, 0.25},
      this->top_logits_.cpu_data());
}

TYPED_TEST(LabelSpecificAddLayerTest, TestUnconditional) {
  this->param_.mutable_label_specific_add_param()->set_unconditional(true);
  this->Forward();
  ExpectNear({0.5, 0.5, -0.5, 0.5, 0, 0.75, 0.5, 0.125, -0.75, 0.75, 0.5, 0.25},
      this->top_logits_.cpu_data());
}

TYPED_TEST(LabelSpecificAddLayerTest, TestPassesThroughInTestPhase) {
  this->param_.set_phase(TEST);
  this->top_.push_back(&this->top_bias_);
  // Not read in this phase: it may come from another set of classes.
  this->label_.mutable_cpu_data()[0] = 7;
  this->Forward();
  ExpectNear(DataOf(this->logits_), this->top_logits_.cpu_data());
  EXPECT_EQ(0, this->top_bias_.cpu_data()[0]);
}

TYPED_TEST(LabelSpecificAddLayerTest, TestTransformTest) {
  this->param_.set_phase(TEST);
  this->param_.mutable_label_specific_add_param()->set_transform_test(true);
  this->top_.push_back(&this->top_bias_);
  this->Forward();
  EXPECT_EQ(0.5, this->top_logits_.cpu_data()[0]);
  EXPECT_EQ(-0.25, this->top_bias_.cpu_data()[0]);
}

TYPED_TEST(LabelSpecificAddLayerTest, TestOneRowOfOneClass) {
  SetBlob({1, 1}, {0.75}, &this->logits_);
  SetBlob({1}, {0}, &this->label_);
  this->Forward();
  EXPECT_EQ(0.5, this->top_logits_.cpu_data()[0]);
}

TYPED_TEST(LabelSpecificAddLayerTest, TestFourAxes) {
  this->logits_.Reshape({4, 3, 1, 1});
  this->label_.Reshape({4, 1, 1, 1});
  this->Forward();
  EXPECT_EQ(this->logits_.shape(), this->top_logits_.shape());
  EXPECT_EQ(0.5, this->top_logits_.cpu_data()[0]);
}

TYPED_TEST(LabelSpecificAddLayerTest, TestGradient) {
  typedef typename TypeParam::Dtype Dtype;
  for (int unconditional = 0; unconditional < 2; ++unconditional) {
    this->param_.mutable_label_specific_add_param()->set_unconditional(
        unconditional);
    // The step at x = -bias is no place for a difference quotient.
    this->logits_.mutable_cpu_data()[4] = 0.375;
    LabelSpecificAddLayer<Dtype> layer(this->param_);
    GradientChecker<Dtype> checker(1e-2, 1e-3);
    checker.CheckGradientExhaustive(&layer, this->bottom_, this->top_, 0);
  }
}

TYPED_TEST(LabelSpecificAddLayerTest, TestInPlace) {
  ExpectSameInPlace(this->param_, this->bottom_,
      {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12});
}

TYPED_TEST(LabelSpecificAddLayerTest, TestLabelOutOfRange) {
  this->ExpectFatalFor(3,
      "Layer margin .LabelSpecificAdd.: row 2 of the batch "
      "has label 3, but with C = 3 classes");
  this->ExpectFatalFor(1e9, "row 2 of the batch has label 1e.09");
  this->ExpectFatalFor(0.5, "row 2 of the batch has label 0.5");
  this->ExpectFatalFor(-0.5, "row 2 of the batch has label -0.5");
  this->ExpectFatalFor(std::numeric_limits<double>::quiet_NaN(),
      "row 2 of the batch has label -?nan");
  this->ExpectFatalFor(-std::numeric_limits<double>::infinity(),
      "row 2 of the batch has label -inf");
}

TYPED_TEST(LabelSpecificAddLayerTest, TestWrongBottoms) {
  typedef typename TypeParam::Dtype Dtype;
  LabelSpecificAddLayer<Dtype> layer(this->param_);
  const vector<Blob<Dtype>*> alone = {&this->logits_};
  EXPECT_FATAL(layer.SetUp(alone, this->top_), "2 bottom blob");
  const vector<Blob<Dtype>*> swapped = {&this->label_, &this->logits_};
  EXPECT_FATAL(layer.SetUp(swapped, this->top_),
      "Layer margin .LabelSpecificAdd.: bottom.0. must be");
  this->label_.Reshape({3});
  EXPECT_FATAL(layer.SetUp(this->bottom_, this->top_),
      "one label for each row");
}

TYPED_TEST(LabelSpecificAddLayerTest, TestAnnealing) {
  typedef typename TypeParam::Dtype Dtype;
  this->Anneal();
  LabelSpecificAddLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  const double bias[] = {0, -0.125, -0.25, -0.3125, -0.3125};
  for (int i = 0; i < 5; ++i) {
    layer.Forward(this->bottom_, this->top_);
    EXPECT_EQ(bias[i], this->top_bias_.cpu_data()[0]);
    EXPECT_EQ(0.75 + bias[i], this->top_logits_.cpu_data()[0]);
  }
}

TYPED_TEST(LabelSpecificAddLayerTest, TestAnnealingWithPower) {
  typedef typename TypeParam::Dtype Dtype;
  this->Anneal();
  LabelSpecificAddParameter* param =
      this->param_.mutable_label_specific_add_param();
  param->set_bias_base(-0.125);
  param->set_bias_power(2);
  param->set_bias_min(-1);
  param->set_iteration(2);
  this->Forward();
  // -0.125 + (1 - 0.125 * 2)^2 - 1
  EXPECT_NEAR(-0.5625, this->top_bias_.cpu_data()[0], Tolerance<Dtype>());
}

TYPED_TEST(LabelSpecificAddLayerTest, TestTestPhaseDoesNotCount) {
  typedef typename TypeParam::Dtype Dtype;
  this->Anneal();
  this->param_.set_phase(TEST);
  this->param_.mutable_label_specific_add_param()->set_transform_test(true);
  this->param_.mutable_label_specific_add_param()->set_iteration(1);
  LabelSpecificAddLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  for (int i = 0; i < 2; ++i) {
    layer.Forward(this->bottom_, this->top_);
    EXPECT_EQ(-0.125, this->top_bias_.cpu_data()[0]);
  }
}

TYPED_TEST(LabelSpecificAddLayerTest, TestAnnealingSurvivesReload) {
  typedef typename TypeParam::Dtype Dtype;
  this->Anneal();
  LabelSpecificAddLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  LayerParameter saved;
  layer.ToProto(&saved, false);
  LabelSpecificAddLayer<Dtype> resumed(saved);
  resumed.SetUp(this->bottom_, this->top_);
  resumed.Forward(this->bottom_, this->top_);
  EXPECT_EQ(-0.25, this->top_bias_.cpu_data()[0]);
}

TYPED_TEST(LabelSpecificAddLayerTest, TestAnnealingInANet) {
  typedef typename TypeParam::Dtype Dtype;
  NetParameter net_param;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "layer { name: 'data' type: 'DummyData' top: 'fc6' top: 'label' "
      "  dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } } "
      "layer { name: 'margin' type: 'LabelSpecificAdd' bottom: 'fc6' "
      "  bottom: 'label' top: 'fc6_margin' top: 'bias' "
      "  label_specific_add_param { bias_base: 0 bias_gamma: -0.125 "
      "    bias_min: -1 } }",
      &net_param));
  net_param.mutable_state()->set_phase(TRAIN);
  Net<Dtype> net(net_param);
  // A solver must neither learn nor decay the count.
  ASSERT_EQ(1, net.learnable_params().size());
  EXPECT_EQ(0, net.params_lr()[0]);
  EXPECT_EQ(0, net.params_weight_decay()[0]);
  net.Forward();
  net.Forward();
  NetParameter snapshot;
  net.ToProto(&snapshot);
  Net<Dtype> resumed(net_param);
  {
    const RestoringState restoring;
    resumed.CopyTrainedLayersFrom(snapshot);
  }
  resumed.Forward();
  EXPECT_EQ(-0.25, resumed.blob_by_name("bias")->cpu_data()[0]);
}

TYPED_TEST(LabelSpecificAddLayerTest, TestNoBlobWithoutAnnealing) {
  typedef typename TypeParam::Dtype Dtype;
  LabelSpecificAddLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  EXPECT_EQ(0, layer.blobs().size());
}

TYPED_TEST(LabelSpecificAddLayerTest, TestWrongAnnealing) {
  typedef typename TypeParam::Dtype Dtype;
  this->Anneal();
  LayerParameter param = this->param_;
  param.mutable_label_specific_add_param()->set_bias_max(-0.5);
  LabelSpecificAddLayer<Dtype> crossed(param);
  EXPECT_FATAL(crossed.SetUp(this->bottom_, this->top_),
      "bias_min must not be above bias_max");
  param = this->param_;
  param.add_param()->set_lr_mult(1);
  LabelSpecificAddLayer<Dtype> learned(param);
  EXPECT_FATAL(learned.SetUp(this->bottom_, this->top_), "is not learned");
  EXPECT_EQ(0, learned.blobs().size());
  param = this->param_;
  param.mutable_label_specific_add_param()->set_bias_power(0.5);
  param.mutable_label_specific_add_param()->set_iteration(9);
  LabelSpecificAddLayer<Dtype> root(param);
  root.SetUp(this->bottom_, this->top_);
  EXPECT_FATAL(root.Forward(this->bottom_, this->top_),
      "annealed bias is not a number at iteration 9");
  EXPECT_EQ(9, root.blobs()[0]->cpu_data()[0]);
}

}  // namespace caffe
