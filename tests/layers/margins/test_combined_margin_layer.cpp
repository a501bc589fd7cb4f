// installed by amcaffe
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layer_factory.hpp"
#include "caffe/layers/combined_margin_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

template <typename TypeParam>
class CombinedMarginLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  CombinedMarginLayerTest() {
    param_.set_name("margin");
    param_.set_type("CombinedMargin");
    param_.set_phase(TRAIN);
    SetMargin(1, 0.5, 0.25);
    SetBlob({4, 3}, {0.5, 0.75, -0.5,
                     0.25, 0.5, 1,
                     -1, 0.25, -0.25,
                     0.75, 0.5, 0.25}, &cosine_);
    SetBlob({4}, {0, 1, 2, -1}, &label_);
    bottom_ = {&cosine_, &label_};
    top_ = {&top_cosine_};
  }

  void SetMargin(const double m1, const double m2, const double m3) {
    CombinedMarginParameter* param = param_.mutable_combined_margin_param();
    param->set_m1(m1);
    param->set_m2(m2);
    param->set_m3(m3);
  }

  void SetMonotone() {
    param_.mutable_combined_margin_param()->set_bound(
        CombinedMarginParameter_Bound_MONOTONE);
  }

  void Forward() {
    CombinedMarginLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    layer.Forward(bottom_, top_);
  }

  // One row of one class: the value of this cosine, and the gradient by it.
  void ExpectValueAndSlope(const double cosine, const double value,
      const double slope) {
    SetBlob({1, 1}, {cosine}, &cosine_);
    SetBlob({1}, {0}, &label_);
    CombinedMarginLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    layer.Forward(bottom_, top_);
    EXPECT_NEAR(value, top_cosine_.cpu_data()[0], 5 * Tolerance<Dtype>())
        << "at cosine " << cosine;
    BackwardFrom({-3}, top_, bottom_, &layer);
    EXPECT_NEAR(-3 * slope, cosine_.cpu_diff()[0],
        10 * Tolerance<Dtype>() * (3 + 3 * slope)) << "at cosine " << cosine;
  }

  // One row for each target, at either class in turn.
  void CheckGradient(const vector<double>& target) {
    vector<double> cosines;
    vector<double> labels;
    for (size_t i = 0; i < target.size(); ++i) {
      cosines.push_back(i % 2 ? 0.25 : target[i]);
      cosines.push_back(i % 2 ? target[i] : 0.25);
      labels.push_back(i % 2);
    }
    const int rows = target.size();
    SetBlob({rows, 2}, cosines, &cosine_);
    SetBlob({rows}, labels, &label_);
    CombinedMarginLayer<Dtype> layer(param_);
    GradientChecker<Dtype> checker(2e-3, 1e-2);
    checker.CheckGradientExhaustive(&layer, bottom_, top_, 0);
  }

  LayerParameter param_;
  Blob<Dtype> cosine_, label_, top_cosine_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(CombinedMarginLayerTest, TestDtypesAndDevices);

TYPED_TEST(CombinedMarginLayerTest, TestForward) {
  this->Forward();
  // acos(0.5) = pi / 3 and acos(-0.25) = 1.823476581937.
  ExpectNear({-0.226403414709, 0.75, -0.5,
              0.25, -0.226403414709, 1,
              -1, 0.25, -0.933597422163,
              0.75, 0.5, 0.25}, this->top_cosine_.cpu_data(),
      typename TypeParam::Dtype(2e-6));
}

TYPED_TEST(CombinedMarginLayerTest, TestAdditiveCosine) {
  this->SetMargin(1, 0, 0.25);
  this->ExpectValueAndSlope(0.5, 0.25, 1);
  this->ExpectValueAndSlope(-0.75, -1, 1);
  this->ExpectValueAndSlope(0, -0.25, 1);
  // Clipped, and still trained.
  this->ExpectValueAndSlope(1, 0.7499, 1);
  this->ExpectValueAndSlope(-1, -1.2499, 1);
}

TYPED_TEST(CombinedMarginLayerTest, TestAdditiveAngle) {
  this->SetMargin(1, 0.5, 0);
  this->ExpectValueAndSlope(0.5, 0.023596585291, 1.154379025660);
  // The slopes sin(angle) / sin(theta) are 2.2 and 34.8 here.
  this->ExpectValueAndSlope(0.9375, 0.655900624993, 2);
  this->ExpectValueAndSlope(1, 0.870714872150, 2);
  // The angle ends just before pi.
  this->ExpectValueAndSlope(-0.9375, -0.999999995, 0.000287368483);
  this->ExpectValueAndSlope(-1, -0.999999995, 0.007071244583);
  // And at 0.
  this->SetMargin(1, -0.5, 0);
  this->ExpectValueAndSlope(1, 1, 0);
}

TYPED_TEST(CombinedMarginLayerTest, TestMultiplicativeAngle) {
  this->SetMargin(2, 0, 0);
  // cos(2 theta) = 2 x^2 - 1 with slope 4 x.
  this->ExpectValueAndSlope(0.375, -0.71875, 1.5);
  this->ExpectValueAndSlope(0.75, 0.125, 2);
  this->SetMargin(4, 0.5, 0.25);
  this->ExpectValueAndSlope(0.875, -1.063790936301, 2);
  this->ExpectValueAndSlope(0.75, -1.249999995, 0.000604743156);
}

TYPED_TEST(CombinedMarginLayerTest, TestMonotoneAdditiveAngle) {
  this->SetMargin(1, 0.5, 0.25);
  this->SetMonotone();
  this->ExpectValueAndSlope(0.5, -0.226403414709, 1.154379025660);
  // Exact, where CLAMP has 2: cos(0.5) + sin(0.5) * x / sin(theta).
  this->ExpectValueAndSlope(0.9375, 0.405900624993, 2.169193091796);
  // Past pi: x - 0.5 * sin(0.5) - m3 with slope 1.
  this->ExpectValueAndSlope(-0.9375, -1.427212769302, 1);
  this->ExpectValueAndSlope(-1, -1.489612769302, 1);
}

TYPED_TEST(CombinedMarginLayerTest, TestMonotoneMultiplicativeAngle) {
  this->SetMargin(4, 0, 0);
  this->SetMonotone();
  // cos(4 theta) = 8 x^4 - 8 x^2 + 1 with slope 32 x^3 - 16 x, then its
  // A-Softmax branches (-1)^k cos(4 theta) - 2k.
  this->ExpectValueAndSlope(0.75, -0.96875, 1.5);       // k = 0
  this->ExpectValueAndSlope(0.5, -2 + 0.5, 4);          // k = 1
  this->ExpectValueAndSlope(-0.5, -4 - 0.5, 4);         // k = 2
  this->ExpectValueAndSlope(-0.875, -6 + 0.435546875, 7.4375);  // k = 3
}

TYPED_TEST(CombinedMarginLayerTest, TestCosinesOfOneStayFinite) {
  typedef typename TypeParam::Dtype Dtype;
  for (int bound = 0; bound < 2; ++bound) {
    if (bound) { this->SetMonotone(); }
    for (int i = 0; i < 2; ++i) {
      this->SetMargin(4, 0.5, 0.25);
      SetBlob({1, 1}, {i ? 1. : -1.}, &this->cosine_);
      SetBlob({1}, {0}, &this->label_);
      CombinedMarginLayer<Dtype> layer(this->param_);
      layer.SetUp(this->bottom_, this->top_);
      layer.Forward(this->bottom_, this->top_);
      BackwardFrom({1}, this->top_, this->bottom_, &layer);
      EXPECT_TRUE(std::isfinite(this->top_cosine_.cpu_data()[0]));
      EXPECT_TRUE(std::isfinite(this->cosine_.cpu_diff()[0]));
    }
  }
}

TYPED_TEST(CombinedMarginLayerTest, TestNotANumberIsNotHidden) {
  this->cosine_.mutable_cpu_data()[0] =
      std::numeric_limits<float>::quiet_NaN();
  this->Forward();
  EXPECT_TRUE(std::isnan(this->top_cosine_.cpu_data()[0]));
}

// Each set keeps clear of the kinks: the clip of the cosine, the slope's cap
// of 2, and the angle's crossing of pi.
TYPED_TEST(CombinedMarginLayerTest, TestGradientClamp) {
  this->SetMargin(1, 0.5, 0.25);
  this->CheckGradient({0.75, 0.25, -0.5, -0.75});
  this->SetMargin(1, 0, 0.25);
  this->CheckGradient({0.875, 0.25, -0.5, -0.875});
  this->SetMargin(2, 0.25, 0);
  this->CheckGradient({0.5, 0.375, 0.25});
  this->SetMargin(4, 0, 0);
  this->CheckGradient({0.75});
}

TYPED_TEST(CombinedMarginLayerTest, TestGradientMonotone) {
  this->SetMonotone();
  this->SetMargin(1, 0.5, 0.25);
  this->CheckGradient({0.9375, 0.25, -0.5, -0.9375});
  this->SetMargin(4, 0, 0);
  this->CheckGradient({0.875, 0.5, -0.5, -0.875});
  this->SetMargin(2, 0.25, 0.25);
  this->CheckGradient({0.75, 0.5, -0.375, -0.75});
}

TYPED_TEST(CombinedMarginLayerTest, TestOtherLogitsPassTheGradient) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetMargin(1, 0, 0.25);
  CombinedMarginLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  const vector<double> diff = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12};
  BackwardFrom(diff, this->top_, this->bottom_, &layer);
  ExpectNear(diff, this->cosine_.cpu_diff(), Dtype(1e-5));
}

TYPED_TEST(CombinedMarginLayerTest, TestInPlace) {
  ExpectSameInPlace(this->param_, this->bottom_,
      {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12});
}

TYPED_TEST(CombinedMarginLayerTest, TestPassesThroughInTestPhase) {
  typedef typename TypeParam::Dtype Dtype;
  this->param_.set_phase(TEST);
  // Not read in this phase: it may come from another set of classes.
  this->label_.mutable_cpu_data()[0] = 7;
  CombinedMarginLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  ExpectNear(DataOf(this->cosine_), this->top_cosine_.cpu_data());
  const vector<double> diff = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12};
  BackwardFrom(diff, this->top_, this->bottom_, &layer);
  ExpectNear(diff, this->cosine_.cpu_diff());
}

TYPED_TEST(CombinedMarginLayerTest, TestTransformTest) {
  this->param_.set_phase(TEST);
  this->param_.mutable_combined_margin_param()->set_transform_test(true);
  this->ExpectValueAndSlope(0.5, -0.226403414709, 1.154379025660);
}

TYPED_TEST(CombinedMarginLayerTest, TestFourAxes) {
  this->cosine_.Reshape({4, 3, 1, 1});
  this->label_.Reshape({4, 1, 1, 1});
  this->Forward();
  EXPECT_EQ(this->cosine_.shape(), this->top_cosine_.shape());
  EXPECT_EQ(0.75, this->top_cosine_.cpu_data()[1]);
}

TYPED_TEST(CombinedMarginLayerTest, TestLabelOutOfRange) {
  typedef typename TypeParam::Dtype Dtype;
  CombinedMarginLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  this->label_.mutable_cpu_data()[3] = 3;
  EXPECT_FATAL(layer.Forward(this->bottom_, this->top_),
      "Layer margin .CombinedMargin.: row 3 of the batch has label 3, but "
      "with C = 3 classes");
}

TYPED_TEST(CombinedMarginLayerTest, TestWrongBottomsAndMargins) {
  typedef typename TypeParam::Dtype Dtype;
  CombinedMarginLayer<Dtype> layer(this->param_);
  const vector<Blob<Dtype>*> alone = {&this->cosine_};
  EXPECT_FATAL(layer.SetUp(alone, this->top_), "2 bottom blob");
  const vector<Blob<Dtype>*> swapped = {&this->label_, &this->cosine_};
  EXPECT_FATAL(layer.SetUp(swapped, this->top_),
      "Layer margin .CombinedMargin.: bottom.0. must be");
  this->SetMargin(0, 0.5, 0.25);
  CombinedMarginLayer<Dtype> flat(this->param_);
  EXPECT_FATAL(flat.SetUp(this->bottom_, this->top_), "m1 must be above 0");
  this->SetMargin(1, std::numeric_limits<double>::infinity(), 0);
  CombinedMarginLayer<Dtype> infinite(this->param_);
  EXPECT_FATAL(infinite.SetUp(this->bottom_, this->top_), "all three finite");
}

}  // namespace caffe
