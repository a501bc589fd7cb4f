// installed by amcaffe
#include <cmath>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/inner_product_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"

namespace caffe {

// InnerProduct with normalize: true, which projects its weight in place.
template <typename TypeParam>
class InnerProductNormalizeTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  InnerProductNormalizeTest() {
    layer_param()->set_num_output(3);
    layer_param()->set_bias_term(false);
    layer_param()->set_normalize(true);
    SetBlob({2, 2}, {3, 4, -0.5, 0}, &data_);
    bottom_ = {&data_};
    top_ = {&output_};
  }

  InnerProductParameter* layer_param() {
    return param_.mutable_inner_product_param();
  }

  // A weight of 3 classes, the last of them a zero vector.
  void SetUpWithWeight(InnerProductLayer<Dtype>* layer) {
    layer->SetUp(bottom_, top_);
    SetBlob(layer->blobs()[0]->shape(),
        layer_param()->transpose() ? vector<double>({6, 0, 0, 8, -0.5, 0})
                                   : vector<double>({6, 8, 0, -0.5, 0, 0}),
        layer->blobs()[0].get());
  }

  LayerParameter param_;
  Blob<Dtype> data_, output_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(InnerProductNormalizeTest, TestDtypesAndDevices);

TYPED_TEST(InnerProductNormalizeTest, TestProjectsTheWeight) {
  typedef typename TypeParam::Dtype Dtype;
  InnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  // The second pass finds unit vectors and must leave them.
  for (int pass = 0; pass < 2; ++pass) {
    layer.Forward(this->bottom_, this->top_);
    ExpectNear({0.6, 0.8, 0, -1, 0, 0}, layer.blobs()[0]->cpu_data());
    ExpectNear({5, -4, 0, -0.3, 0, 0}, this->output_.cpu_data(),
        5 * Tolerance<Dtype>());
  }
}

TYPED_TEST(InnerProductNormalizeTest, TestProjectsATransposedWeight) {
  typedef typename TypeParam::Dtype Dtype;
  this->layer_param()->set_transpose(true);
  InnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  ExpectNear({0.6, 0, 0, 0.8, -1, 0}, layer.blobs()[0]->cpu_data());
  ExpectNear({5, -4, 0, -0.3, 0, 0}, this->output_.cpu_data(),
      5 * Tolerance<Dtype>());
}

TYPED_TEST(InnerProductNormalizeTest, TestOneRowWithBias) {
  typedef typename TypeParam::Dtype Dtype;
  SetBlob({1, 2}, {3, 4}, &this->data_);
  this->layer_param()->set_bias_term(true);
  this->layer_param()->mutable_bias_filler()->set_type("constant");
  this->layer_param()->mutable_bias_filler()->set_value(0.5);
  InnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  ExpectNear({5.5, -3.5, 0.5}, this->output_.cpu_data(),
      5 * Tolerance<Dtype>());
  ExpectNear({0.5, 0.5, 0.5}, layer.blobs()[1]->cpu_data(), Dtype(0));
}

TYPED_TEST(InnerProductNormalizeTest, TestOffByDefault) {
  typedef typename TypeParam::Dtype Dtype;
  this->layer_param()->clear_normalize();
  InnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  ExpectNear({6, 8, 0, -0.5, 0, 0}, layer.blobs()[0]->cpu_data(), Dtype(0));
}

// The weight's gradient is that of the plain inner product by the projected
// weight: outer products of top gradients and inputs.
TYPED_TEST(InnerProductNormalizeTest, TestGradientIsNotProjected) {
  typedef typename TypeParam::Dtype Dtype;
  InnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  Blob<Dtype>* weight = layer.blobs()[0].get();
  caffe_set(weight->count(), Dtype(0), weight->mutable_cpu_diff());
  BackwardFrom({1, 2, 3, 4, 5, 6}, this->top_, this->bottom_, &layer);
  ExpectNear(
      {1 * 3 - 4 * 0.5, 1 * 4, 2 * 3 - 5 * 0.5, 2 * 4, 3 * 3 - 6 * 0.5, 3 * 4},
      weight->cpu_diff(), 5 * Tolerance<Dtype>());
  ExpectNear({1 * 0.6, 1 * 0.8 - 2, 4 * 0.6, 4 * 0.8 - 5},
      this->data_.cpu_diff(), 5 * Tolerance<Dtype>());
}

// As many classes as a training run has, more than a block has columns.
TYPED_TEST(InnerProductNormalizeTest, TestManyClasses) {
  typedef typename TypeParam::Dtype Dtype;
  for (int transpose = 0; transpose < 2; ++transpose) {
    this->layer_param()->set_transpose(transpose);
    this->layer_param()->set_num_output(1001);
    this->layer_param()->mutable_weight_filler()->set_type("gaussian");
    this->data_.Reshape({2, 300});
    InnerProductLayer<Dtype> layer(this->param_);
    layer.SetUp(this->bottom_, this->top_);
    layer.Forward(this->bottom_, this->top_);
    const Dtype* weight = layer.blobs()[0]->cpu_data();
    for (int j = 0; j < 1001; ++j) {
      double length = 0;
      for (int k = 0; k < 300; ++k) {
        const double w = weight[transpose ? k * 1001 + j : j * 300 + k];
        length += w * w;
      }
      EXPECT_NEAR(1, length, Tolerance<Dtype>()) << "of class " << j;
    }
  }
}

}  // namespace caffe
