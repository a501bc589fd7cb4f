// installed by amcaffe
#include <limits>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/combined_margin_layer.hpp"
#include "caffe/layers/cosin_add_m_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

template <typename TypeParam>
class CosinAddmLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  CosinAddmLayerTest() {
    param_.set_name("margin");
    param_.set_type("CosinAddm");
    param_.set_phase(TRAIN);
    SetBlob({4, 3}, {0.5, 0.75, -0.5,
                     0.25, 0.9375, 1,
                     -1, 0.25, -0.9375,
                     0.75, 0.5, 0.25}, &cosine_);
    SetBlob({4}, {0, 1, 2, -1}, &label_);
    bottom_ = {&cosine_, &label_};
    top_ = {&top_cosine_};
  }

  void Forward() {
    CosinAddmLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    layer.Forward(bottom_, top_);
  }

  LayerParameter param_;
  Blob<Dtype> cosine_, label_, top_cosine_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(CosinAddmLayerTest, TestDtypesAndDevices);

TYPED_TEST(CosinAddmLayerTest, TestForwardOnBothSidesOfPi) {
  typedef typename TypeParam::Dtype Dtype;
  this->Forward();
  // cos(acos(x) + 0.5), and past pi x - 0.5 * sin(0.5).
  ExpectNear({0.023596585291, 0.75, -0.5,
              0.25, 0.655900624993, 1,
              -1, 0.25, -1.177212769302,
              0.75, 0.5, 0.25}, this->top_cosine_.cpu_data(), Dtype(1e-5));
}

TYPED_TEST(CosinAddmLayerTest, TestIsCombinedMarginMonotone) {
  typedef typename TypeParam::Dtype Dtype;
  this->param_.mutable_cosin_add_m_param()->set_m(0.75);
  this->Forward();
  const vector<double> found = DataOf(this->top_cosine_);
  LayerParameter combined;
  combined.set_phase(TRAIN);
  CombinedMarginParameter* margin = combined.mutable_combined_margin_param();
  margin->set_m1(1);
  margin->set_m2(0.75);
  margin->set_m3(0);
  margin->set_bound(CombinedMarginParameter_Bound_MONOTONE);
  CombinedMarginLayer<Dtype> layer(combined);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  EXPECT_EQ(DataOf(this->top_cosine_), found);
}

TYPED_TEST(CosinAddmLayerTest, TestGradient) {
  typedef typename TypeParam::Dtype Dtype;
  CosinAddmLayer<Dtype> layer(this->param_);
  GradientChecker<Dtype> checker(2e-3, 1e-2);
  checker.CheckGradientExhaustive(&layer, this->bottom_, this->top_, 0);
}

TYPED_TEST(CosinAddmLayerTest, TestInPlace) {
  ExpectSameInPlace(this->param_, this->bottom_,
      {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12});
}

TYPED_TEST(CosinAddmLayerTest, TestPhases) {
  this->param_.set_phase(TEST);
  this->Forward();
  ExpectNear(DataOf(this->cosine_), this->top_cosine_.cpu_data());
  this->param_.mutable_cosin_add_m_param()->set_transform_test(true);
  this->Forward();
  EXPECT_NEAR(0.023596585291, this->top_cosine_.cpu_data()[0], 2e-6);
}

TYPED_TEST(CosinAddmLayerTest, TestWrongLabelAndMargin) {
  this->label_.mutable_cpu_data()[3] = 3;
  EXPECT_FATAL(this->Forward(),
      "Layer margin .CosinAddm.: row 3 of the batch has label 3");
  this->param_.mutable_cosin_add_m_param()->set_m(
      std::numeric_limits<float>::infinity());
  EXPECT_FATAL(this->Forward(), "m must be finite, but is inf");
}

}  // namespace caffe
