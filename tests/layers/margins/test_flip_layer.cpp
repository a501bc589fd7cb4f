// installed by amcaffe
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/flip_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

template <typename TypeParam>
class FlipLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  FlipLayerTest() {
    param_.set_name("mirror");
    param_.set_type("Flip");
    // Two images of one channel, two rows and three columns.
    SetBlob({2, 1, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, &data_);
    bottom_ = {&data_};
    top_ = {&flipped_};
  }

  void ExpectFlipped(const bool width, const bool height,
      const vector<double>& expected) {
    param_.mutable_flip_param()->set_flip_width(width);
    param_.mutable_flip_param()->set_flip_height(height);
    FlipLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    layer.Forward(bottom_, top_);
    EXPECT_EQ(data_.shape(), flipped_.shape());
    ExpectNear(expected, flipped_.cpu_data(), Dtype(0));
    // Mirrored twice, everything is back: what the gradient must do too.
    BackwardFrom(DataOf(flipped_), top_, bottom_, &layer);
    ExpectNear(DataOf(data_), data_.cpu_diff(), Dtype(0));
  }

  LayerParameter param_;
  Blob<Dtype> data_, flipped_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(FlipLayerTest, TestDtypesAndDevices);

TYPED_TEST(FlipLayerTest, TestDefaultIsLeftAndRight) {
  typedef typename TypeParam::Dtype Dtype;
  FlipLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  ExpectNear({3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10},
      this->flipped_.cpu_data(), Dtype(0));
}

TYPED_TEST(FlipLayerTest, TestFlips) {
  this->ExpectFlipped(true, false,
      {3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10});
  this->ExpectFlipped(false, true,
      {4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9});
  this->ExpectFlipped(true, true,
      {6, 5, 4, 3, 2, 1, 12, 11, 10, 9, 8, 7});
  this->ExpectFlipped(false, false,
      {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TYPED_TEST(FlipLayerTest, TestGradient) {
  typedef typename TypeParam::Dtype Dtype;
  this->param_.mutable_flip_param()->set_flip_height(true);
  FlipLayer<Dtype> layer(this->param_);
  GradientChecker<Dtype> checker(1e-2, 1e-2);
  checker.CheckGradientExhaustive(&layer, this->bottom_, this->top_);
}

TYPED_TEST(FlipLayerTest, TestWrongBlobs) {
  typedef typename TypeParam::Dtype Dtype;
  FlipLayer<Dtype> layer(this->param_);
  EXPECT_FATAL(layer.SetUp(this->bottom_, this->bottom_),
      "Layer mirror .Flip.: cannot mirror in place");
  this->data_.Reshape({4, 3});
  EXPECT_FATAL(layer.SetUp(this->bottom_, this->top_),
      "the bottom must be images");
}

TYPED_TEST(FlipLayerTest, TestMoreThanKernelsGoOver) {
  typedef typename TypeParam::Dtype Dtype;
  FlipLayer<Dtype> layer(this->param_);
  this->data_.Reshape({1, 1, kEdgeOfKernels, kEdgeOfKernels});
  layer.SetUp(this->bottom_, this->top_);
  this->data_.Reshape({2, 1, kEdgeOfKernels, kEdgeOfKernels / 2 + 1});
  EXPECT_FATAL(layer.Reshape(this->bottom_, this->top_), "bottom.0. has "
      "2 x 536903680 numbers, .* at most 2.30");
}

}  // namespace caffe
