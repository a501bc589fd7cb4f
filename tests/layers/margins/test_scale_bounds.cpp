// installed by amcaffe
#include <limits>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/scale_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"

namespace caffe {

// Scale with min_value and max_value, which limit its scale in place.
template <typename TypeParam>
class ScaleBoundsTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  ScaleBoundsTest() {
    SetBlob({2, 3}, {1, 2, 3, -1, -2, -3}, &data_);
    SetBlob({3}, {0.5, 4, 7}, &scale_);
    bottom_ = {&data_};
    top_ = {&output_};
  }

  ScaleParameter* layer_param() { return param_.mutable_scale_param(); }

  // The output and the scale afterwards, of a layer with the scale 0.5, 4, 7.
  void ExpectScaled(const vector<double>& output,
      const vector<double>& scale) {
    ScaleLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    caffe_copy(3, scale_.cpu_data(), layer.blobs()[0]->mutable_cpu_data());
    // The second pass finds the limited scale and must leave it.
    for (int pass = 0; pass < 2; ++pass) {
      layer.Forward(bottom_, top_);
      ExpectNear(output, output_.cpu_data(), 10 * Tolerance<Dtype>());
      ExpectNear(scale, layer.blobs()[0]->cpu_data());
    }
  }

  LayerParameter param_;
  Blob<Dtype> data_, scale_, output_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(ScaleBoundsTest, TestDtypesAndDevices);

TYPED_TEST(ScaleBoundsTest, TestUnboundedByDefault) {
  this->ExpectScaled({0.5, 8, 21, -0.5, -8, -21}, {0.5, 4, 7});
}

TYPED_TEST(ScaleBoundsTest, TestMinimum) {
  this->layer_param()->set_min_value(4.5);
  this->ExpectScaled({4.5, 9, 21, -4.5, -9, -21}, {4.5, 4.5, 7});
}

TYPED_TEST(ScaleBoundsTest, TestMaximumOfZeroIsOne) {
  this->layer_param()->set_max_value(0);
  this->ExpectScaled({0, 0, 0, 0, 0, 0}, {0, 0, 0});
}

TYPED_TEST(ScaleBoundsTest, TestBoth) {
  this->layer_param()->set_min_value(1);
  this->layer_param()->set_max_value(5);
  this->ExpectScaled({1, 8, 15, -1, -8, -15}, {1, 4, 5});
}

TYPED_TEST(ScaleBoundsTest, TestWithBias) {
  this->layer_param()->set_max_value(5);
  this->layer_param()->set_bias_term(true);
  this->layer_param()->mutable_bias_filler()->set_type("constant");
  this->layer_param()->mutable_bias_filler()->set_value(1);
  this->ExpectScaled({1.5, 9, 16, 0.5, -7, -14}, {0.5, 4, 5});
}

// A scale of more elements than a block has threads.
TYPED_TEST(ScaleBoundsTest, TestManyChannels) {
  typedef typename TypeParam::Dtype Dtype;
  this->layer_param()->set_min_value(-0.25);
  this->layer_param()->set_max_value(0.5);
  this->layer_param()->mutable_filler()->set_type("gaussian");
  this->data_.Reshape({1, 3000});
  caffe_set(3000, Dtype(1), this->data_.mutable_cpu_data());
  ScaleLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  const vector<double> before = DataOf(*layer.blobs()[0]);
  layer.Forward(this->bottom_, this->top_);
  for (int i = 0; i < 3000; ++i) {
    const double limited = before[i] < -0.25 ? -0.25 :
        (before[i] > 0.5 ? 0.5 : before[i]);
    ASSERT_NEAR(limited, this->output_.cpu_data()[i], Tolerance<Dtype>())
        << "of channel " << i;
  }
}

TYPED_TEST(ScaleBoundsTest, TestNotANumberStays) {
  typedef typename TypeParam::Dtype Dtype;
  this->layer_param()->set_min_value(1);
  this->layer_param()->set_max_value(5);
  ScaleLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.blobs()[0]->mutable_cpu_data()[1] =
      std::numeric_limits<Dtype>::quiet_NaN();
  layer.Forward(this->bottom_, this->top_);
  EXPECT_FALSE(layer.blobs()[0]->cpu_data()[1] <= 5);
}

// The scale may be a second bottom; it is limited there, as happynear's is.
TYPED_TEST(ScaleBoundsTest, TestSecondBottom) {
  typedef typename TypeParam::Dtype Dtype;
  SetBlob({2}, {0.5, 7}, &this->scale_);
  this->layer_param()->set_axis(0);
  this->layer_param()->set_min_value(1);
  this->layer_param()->set_max_value(5);
  this->bottom_.push_back(&this->scale_);
  ScaleLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  ExpectNear({1, 2, 3, -5, -10, -15}, this->output_.cpu_data(),
      10 * Tolerance<Dtype>());
  ExpectNear({1, 5}, this->scale_.cpu_data());
}

// The gradients are those of the plain product with the limited scale.
TYPED_TEST(ScaleBoundsTest, TestGradientIsThatOfTheLimitedScale) {
  typedef typename TypeParam::Dtype Dtype;
  this->layer_param()->set_max_value(5);
  ScaleLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  Blob<Dtype>* scale = layer.blobs()[0].get();
  caffe_copy(3, this->scale_.cpu_data(), scale->mutable_cpu_data());
  layer.Forward(this->bottom_, this->top_);
  caffe_set(3, Dtype(0), scale->mutable_cpu_diff());
  BackwardFrom({1, 2, 3, 4, 5, 6}, this->top_, this->bottom_, &layer);
  ExpectNear({1 - 4, 4 - 10, 9 - 18}, scale->cpu_diff(),
      20 * Tolerance<Dtype>());
  ExpectNear({0.5, 8, 15, 2, 20, 30}, this->data_.cpu_diff(),
      30 * Tolerance<Dtype>());
}

TYPED_TEST(ScaleBoundsTest, TestBoundsTheWrongWayRound) {
  typedef typename TypeParam::Dtype Dtype;
  this->layer_param()->set_min_value(5);
  this->layer_param()->set_max_value(1);
  ScaleLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  EXPECT_FATAL(layer.Forward(this->bottom_, this->top_),
      "min_value must not be above max_value");
}

}  // namespace caffe
