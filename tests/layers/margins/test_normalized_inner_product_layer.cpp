// installed by amcaffe
#include <cmath>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/inner_product_layer.hpp"
#include "caffe/layers/normalized_inner_product_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

template <typename TypeParam>
class NormalizedInnerProductLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  NormalizedInnerProductLayerTest() {
    param_.set_name("fc6");
    param_.set_type("NormalizedInnerProduct");
    layer_param()->set_num_output(3);
    SetBlob({2, 2}, {3, 4, -0.5, 0}, &data_);
    weight_ = {2, 0, 0, -0.5, 3, -3};
    bottom_ = {&data_};
    top_ = {&cosine_};
  }

  NormalizedInnerProductParameter* layer_param() {
    return param_.mutable_normalized_inner_product_param();
  }

  void SetUpWithWeight(NormalizedInnerProductLayer<Dtype>* layer) {
    layer->SetUp(bottom_, top_);
    SetBlob(layer->blobs()[0]->shape(), weight_, layer->blobs()[0].get());
  }

  // The weight's gradient is added to, so it starts from zero.
  vector<double> WeightDiff(const vector<double>& top_diff,
      NormalizedInnerProductLayer<Dtype>* layer) {
    Blob<Dtype>* weight = layer->blobs()[0].get();
    caffe_set(weight->count(), Dtype(0), weight->mutable_cpu_diff());
    BackwardFrom(top_diff, top_, bottom_, layer);
    return DiffOf(*weight);
  }

  // Short vectors, so that the gradients are large: the norms are below 0.4.
  void CheckGradient() {
    SetBlob({2, 3}, {0.2, -0.1, 0.15, 0.1, 0.25, -0.2}, &data_);
    layer_param()->mutable_weight_filler()->set_type("uniform");
    layer_param()->mutable_weight_filler()->set_min(0.1);
    layer_param()->mutable_weight_filler()->set_max(0.25);
    layer_param()->set_num_output(4);
    NormalizedInnerProductLayer<Dtype> layer(param_);
    GradientChecker<Dtype> checker(2e-3, 1e-2);
    checker.CheckGradientExhaustive(&layer, bottom_, top_);
  }

  LayerParameter param_;
  vector<double> weight_;
  Blob<Dtype> data_, cosine_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(NormalizedInnerProductLayerTest, TestDtypesAndDevices);

TYPED_TEST(NormalizedInnerProductLayerTest, TestForward) {
  typedef typename TypeParam::Dtype Dtype;
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  EXPECT_EQ(vector<int>({2, 3}), this->cosine_.shape());
  const double half = std::sqrt(0.5);
  ExpectNear({0.6, -0.8, -0.2 * half, -1, 0, -half},
      this->cosine_.cpu_data());
  // The weights are read, not projected.
  ExpectNear(this->weight_, layer.blobs()[0]->cpu_data(), Dtype(0));
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestForwardKeepingLengths) {
  typedef typename TypeParam::Dtype Dtype;
  this->layer_param()->set_normalize_input(false);
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  const double half = std::sqrt(0.5);
  ExpectNear({3, -4, -half, -0.5, 0, -0.5 * half}, this->cosine_.cpu_data());
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestGradient) {
  this->CheckGradient();
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestGradientKeepingLengths) {
  this->layer_param()->set_normalize_input(false);
  this->CheckGradient();
}

// A margin may be put on the cosines in place.
TYPED_TEST(NormalizedInnerProductLayerTest, TestBackwardReadsNoTopData) {
  typedef typename TypeParam::Dtype Dtype;
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  const vector<double> top_diff = {1, 2, -3, 4, -5, 6};
  const vector<double> weight_diff = this->WeightDiff(top_diff, &layer);
  const vector<double> diff = DiffOf(this->data_);
  caffe_set(this->cosine_.count(), Dtype(9),
      this->cosine_.mutable_cpu_data());
  EXPECT_EQ(weight_diff, this->WeightDiff(top_diff, &layer));
  EXPECT_EQ(diff, DiffOf(this->data_));
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestWeightGradientIsAddedTo) {
  typedef typename TypeParam::Dtype Dtype;
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  const vector<double> top_diff = {1, 2, -3, 4, -5, 6};
  vector<double> twice = this->WeightDiff(top_diff, &layer);
  for (size_t i = 0; i < twice.size(); ++i) { twice[i] *= 2; }
  BackwardFrom(top_diff, this->top_, this->bottom_, &layer);
  ExpectNear(twice, layer.blobs()[0]->cpu_diff(), 20 * Tolerance<Dtype>());
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestFrozenWeight) {
  typedef typename TypeParam::Dtype Dtype;
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.set_param_propagate_down(0, false);
  layer.Forward(this->bottom_, this->top_);
  const vector<double> diff =
      this->WeightDiff({1, 2, -3, 4, -5, 6}, &layer);
  EXPECT_EQ(vector<double>(6, 0), diff);
  EXPECT_NE(0, this->data_.cpu_diff()[0]);
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestZeroVectors) {
  typedef typename TypeParam::Dtype Dtype;
  SetBlob({2, 2}, {0, 0, 3, 4}, &this->data_);
  this->weight_ = {0, 0, 2, 0, 0, 1};
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  ExpectNear({0, 0, 0, 0, 0.6, 0.8}, this->cosine_.cpu_data());
  const vector<double> weight_diff =
      this->WeightDiff({1, 2, 3, 4, 5, 6}, &layer);
  EXPECT_EQ(0, weight_diff[0]);
  EXPECT_EQ(0, weight_diff[1]);
  EXPECT_EQ(0, this->data_.cpu_diff()[0]);
  EXPECT_EQ(0, this->data_.cpu_diff()[1]);
  // The others have theirs: ((5, 6) - f (f . (5, 6))) / 5 with f = (0.6, 0.8),
  // and 5 * (0, 0.8) / 2, 6 * (0.6, 0) / 1.
  EXPECT_NEAR(0.2 * (5 - 0.6 * 7.8), this->data_.cpu_diff()[2],
      5 * Tolerance<Dtype>());
  EXPECT_NEAR(0.2 * (6 - 0.8 * 7.8), this->data_.cpu_diff()[3],
      5 * Tolerance<Dtype>());
  EXPECT_NEAR(0, weight_diff[2], 5 * Tolerance<Dtype>());
  EXPECT_NEAR(2, weight_diff[3], 5 * Tolerance<Dtype>());
  EXPECT_NEAR(3.6, weight_diff[4], 5 * Tolerance<Dtype>());
  EXPECT_NEAR(0, weight_diff[5], 5 * Tolerance<Dtype>());
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestCosinesOfOne) {
  typedef typename TypeParam::Dtype Dtype;
  SetBlob({2, 2}, {6, 8, -0.3, -0.4}, &this->data_);
  this->layer_param()->set_num_output(1);
  this->weight_ = {3, 4};
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  ExpectNear({1, -1}, this->cosine_.cpu_data());
  // At an extremum nothing pulls.
  this->WeightDiff({1, 1}, &layer);
  ExpectNear({0, 0, 0, 0}, this->data_.cpu_diff());
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestOneRowOfOneClass) {
  typedef typename TypeParam::Dtype Dtype;
  SetBlob({1, 2}, {3, 4}, &this->data_);
  this->layer_param()->set_num_output(1);
  this->weight_ = {0.5, 0};
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  layer.Forward(this->bottom_, this->top_);
  EXPECT_EQ(vector<int>({1, 1}), this->cosine_.shape());
  EXPECT_NEAR(0.6, this->cosine_.cpu_data()[0], Tolerance<Dtype>());
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestAxis) {
  typedef typename TypeParam::Dtype Dtype;
  this->data_.Reshape({2, 3, 5, 7});
  const int axes[] = {1, 2, -1};
  const int lengths[] = {105, 35, 7};
  const vector<vector<int> > shapes = {{2, 3}, {2, 3, 3}, {2, 3, 5, 3}};
  for (int i = 0; i < 3; ++i) {
    this->layer_param()->set_axis(axes[i]);
    NormalizedInnerProductLayer<Dtype> layer(this->param_);
    layer.SetUp(this->bottom_, this->top_);
    EXPECT_EQ(vector<int>({3, lengths[i]}), layer.blobs()[0]->shape());
    EXPECT_EQ(shapes[i], this->cosine_.shape());
    layer.Forward(this->bottom_, this->top_);
    layer.Backward(this->top_, vector<bool>(1, true), this->bottom_);
  }
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestTakesInnerProductsWeight) {
  typedef typename TypeParam::Dtype Dtype;
  LayerParameter plain_param;
  plain_param.mutable_inner_product_param()->set_num_output(3);
  plain_param.mutable_inner_product_param()->set_bias_term(false);
  InnerProductLayer<Dtype> plain(plain_param);
  plain.SetUp(this->bottom_, this->top_);
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  EXPECT_EQ(plain.blobs()[0]->shape(), layer.blobs()[0]->shape());
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestReload) {
  typedef typename TypeParam::Dtype Dtype;
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  this->SetUpWithWeight(&layer);
  LayerParameter saved;
  layer.ToProto(&saved, false);
  NormalizedInnerProductLayer<Dtype> reloaded(saved);
  reloaded.SetUp(this->bottom_, this->top_);
  ExpectNear(this->weight_, reloaded.blobs()[0]->cpu_data(), Dtype(0));
  this->data_.Reshape({2, 3});
  NormalizedInnerProductLayer<Dtype> longer(saved);
  EXPECT_FATAL(longer.SetUp(this->bottom_, this->top_),
      "the weight must be .num_output x the length of a vector. = .3 x 3.");
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestWrongBottom) {
  typedef typename TypeParam::Dtype Dtype;
  NormalizedInnerProductLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  this->data_.Reshape({2, 5});
  EXPECT_FATAL(layer.Reshape(this->bottom_, this->top_),
      "Layer fc6 .NormalizedInnerProduct.: the weight is for vectors of "
      "length 2");
  this->layer_param()->clear_num_output();
  NormalizedInnerProductLayer<Dtype> empty(this->param_);
  EXPECT_FATAL(empty.SetUp(this->bottom_, this->top_),
      "num_output is the number of classes");
}

TYPED_TEST(NormalizedInnerProductLayerTest, TestMoreThanKernelsGoOver) {
  typedef typename TypeParam::Dtype Dtype;
  const int edge = kEdgeOfKernels;
  this->data_.Reshape({1, edge});
  this->layer_param()->set_num_output(edge);
  NormalizedInnerProductLayer<Dtype> most(this->param_);
  GiveWeight(edge, edge, &most);
  most.SetUp(this->bottom_, this->top_);
  this->data_.Reshape({edge + 1, edge});
  EXPECT_FATAL(most.Reshape(this->bottom_, this->top_),
      "Layer fc6 .NormalizedInnerProduct.: top.0. .vectors x classes. has "
      "32769 x 32768 numbers, .* at most 2.30");
  this->data_.Reshape({1, edge});
  this->layer_param()->set_num_output(edge + 1);
  NormalizedInnerProductLayer<Dtype> more(this->param_);
  GiveWeight(edge + 1, edge, &more);
  EXPECT_FATAL(more.SetUp(this->bottom_, this->top_), "the weight .* has "
      "32769 x 32768 numbers, .* at most 2.30 .* Take fewer classes");
  // Sizes of which an int does not hold the product, or that are none.
  this->layer_param()->set_num_output(1 << 30);
  NormalizedInnerProductLayer<Dtype> many(this->param_);
  EXPECT_FATAL(many.SetUp(this->bottom_, this->top_), "has 1073741824 x 32768");
  this->layer_param()->set_num_output(3000000000u);
  NormalizedInnerProductLayer<Dtype> wrapped(this->param_);
  EXPECT_FATAL(wrapped.SetUp(this->bottom_, this->top_), "is 3000000000");
}

}  // namespace caffe
