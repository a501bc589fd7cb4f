// installed by amcaffe
#include <cmath>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/filler.hpp"
#include "caffe/layer_factory.hpp"
#include "caffe/layers/normalize_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

template <typename TypeParam>
class NormalizeLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  NormalizeLayerTest() {
    param_.set_name("norm1");
    param_.set_type("Normalize");
    bottom_ = {&data_};
    top_ = {&unit_};
  }

  void UseL1() { param_.mutable_normalize_param()->set_normalize_type("L1"); }

  void AskForNorms(const bool bp_norm) {
    param_.mutable_normalize_param()->set_bp_norm(bp_norm);
    top_ = {&unit_, &norm_};
  }

  void Forward() {
    NormalizeLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    layer.Forward(bottom_, top_);
  }

  // Short vectors, so that the gradients are large: the norms are about 0.3.
  // No element is near 0, where |x| has its kink.
  void FillShort(const vector<int>& shape) {
    data_.Reshape(shape);
    for (int i = 0; i < data_.count(); ++i) {
      data_.mutable_cpu_data()[i] =
          (i % 3 == 1 ? -1 : 1) * (0.1 + 0.02 * (i * 7 % 5));
    }
  }

  void CheckGradient(const vector<int>& shape) {
    FillShort(shape);
    NormalizeLayer<Dtype> layer(param_);
    GradientChecker<Dtype> checker(2e-3, 1e-2);
    checker.CheckGradientExhaustive(&layer, bottom_, top_);
  }

  LayerParameter param_;
  Blob<Dtype> data_, unit_, norm_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(NormalizeLayerTest, TestDtypesAndDevices);

TYPED_TEST(NormalizeLayerTest, TestL2OfRows) {
  SetBlob({2, 2}, {3, -4, 0.6, 0.8}, &this->data_);
  this->AskForNorms(false);
  this->Forward();
  EXPECT_EQ(this->data_.shape(), this->unit_.shape());
  ExpectNear({0.6, -0.8, 0.6, 0.8}, this->unit_.cpu_data());
  EXPECT_EQ(vector<int>({2, 1}), this->norm_.shape());
  ExpectNear({5, 1}, this->norm_.cpu_data());
}

TYPED_TEST(NormalizeLayerTest, TestL2AtEachPosition) {
  // Two channels of 2 x 1 positions.
  SetBlob({1, 2, 2, 1}, {3, 5, 4, -12}, &this->data_);
  this->AskForNorms(false);
  this->Forward();
  ExpectNear({0.6, 5 / 13., 0.8, -12 / 13.}, this->unit_.cpu_data());
  EXPECT_EQ(vector<int>({1, 1, 2, 1}), this->norm_.shape());
  ExpectNear({5, 13}, this->norm_.cpu_data(),
      typename TypeParam::Dtype(1e-5));
}

TYPED_TEST(NormalizeLayerTest, TestL1) {
  SetBlob({1, 2, 1, 2}, {3, 0, -1, -2}, &this->data_);
  this->UseL1();
  this->AskForNorms(false);
  this->Forward();
  ExpectNear({3 / (4 + 1e-6), 0, -1 / (4 + 1e-6), -2 / (2 + 1e-6)},
      this->unit_.cpu_data());
  ExpectNear({4 + 1e-6, 2 + 1e-6}, this->norm_.cpu_data());
}

// More channels than a block has lanes, and more positions than it has
// columns, neither a multiple of them.
TYPED_TEST(NormalizeLayerTest, TestEveryVectorIsUnit) {
  typedef typename TypeParam::Dtype Dtype;
  const vector<vector<int> > shapes = {{3, 300}, {2, 300, 3, 1}, {2, 9, 5, 7}};
  for (size_t k = 0; k < shapes.size(); ++k) {
    this->data_.Reshape(shapes[k]);
    FillerParameter filler_param;
    filler_param.set_std(10);
    GaussianFiller<Dtype>(filler_param).Fill(&this->data_);
    this->Forward();
    const int channels = this->data_.shape(1);
    const int spatial = this->data_.count(2);
    for (int n = 0; n < this->data_.shape(0); ++n) {
      for (int s = 0; s < spatial; ++s) {
        double length = 0, along = 0, norm = 0;
        for (int c = 0; c < channels; ++c) {
          const int i = (n * channels + c) * spatial + s;
          const double x = this->data_.cpu_data()[i];
          const double y = this->unit_.cpu_data()[i];
          length += y * y;
          along += x * y;
          norm += x * x;
        }
        EXPECT_NEAR(1, length, Tolerance<Dtype>());
        EXPECT_NEAR(1, along / std::sqrt(norm), Tolerance<Dtype>());
      }
    }
  }
}

TYPED_TEST(NormalizeLayerTest, TestZeroVector) {
  typedef typename TypeParam::Dtype Dtype;
  for (int l1 = 0; l1 < 2; ++l1) {
    if (l1) { this->UseL1(); }
    SetBlob({1, 3}, {0, 0, 0}, &this->data_);
    NormalizeLayer<Dtype> layer(this->param_);
    layer.SetUp(this->bottom_, this->top_);
    layer.Forward(this->bottom_, this->top_);
    ExpectNear({0, 0, 0}, this->unit_.cpu_data(), Dtype(0));
    // Of either type y is 1e6 x near 0.
    BackwardFrom({1, -2, 0}, this->top_, this->bottom_, &layer);
    ExpectNear({1e6, -2e6, 0}, this->data_.cpu_diff(), Dtype(1));
  }
}

TYPED_TEST(NormalizeLayerTest, TestOneElement) {
  SetBlob({1, 1}, {-0.5}, &this->data_);
  this->Forward();
  EXPECT_NEAR(-1, this->unit_.cpu_data()[0],
      Tolerance<typename TypeParam::Dtype>());
}

TYPED_TEST(NormalizeLayerTest, TestGradientL2) {
  this->CheckGradient({2, 4});
  this->CheckGradient({2, 3, 2, 1});
}

TYPED_TEST(NormalizeLayerTest, TestGradientL1) {
  this->UseL1();
  this->CheckGradient({2, 4});
  this->CheckGradient({2, 3, 2, 1});
}

TYPED_TEST(NormalizeLayerTest, TestGradientThroughNorms) {
  this->AskForNorms(true);
  this->CheckGradient({2, 4});
  this->CheckGradient({2, 3, 2, 1});
  this->UseL1();
  this->CheckGradient({2, 3, 2, 1});
}

TYPED_TEST(NormalizeLayerTest, TestNormsSendNoGradientUnlessAsked) {
  typedef typename TypeParam::Dtype Dtype;
  this->FillShort({1, 3});
  this->AskForNorms(false);
  NormalizeLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  this->norm_.mutable_cpu_diff()[0] = 7;
  BackwardFrom({0, 0, 0}, this->top_, this->bottom_, &layer);
  ExpectNear({0, 0, 0}, this->data_.cpu_diff(), Dtype(0));
}

// The gradient through y is then the exact one times the norm; that through
// the norm is as it was.
TYPED_TEST(NormalizeLayerTest, TestFixGradient) {
  typedef typename TypeParam::Dtype Dtype;
  for (int l1 = 0; l1 < 2; ++l1) {
    if (l1) { this->UseL1(); }
    this->AskForNorms(true);
    SetBlob({1, 2}, {3, -4}, &this->data_);
    vector<double> diff[2][2];
    for (int fix = 0; fix < 2; ++fix) {
      for (int by_norm = 0; by_norm < 2; ++by_norm) {
        this->param_.mutable_normalize_param()->set_fix_gradient(fix);
        NormalizeLayer<Dtype> layer(this->param_);
        layer.SetUp(this->bottom_, this->top_);
        layer.Forward(this->bottom_, this->top_);
        this->norm_.mutable_cpu_diff()[0] = by_norm;
        BackwardFrom({by_norm ? 0. : 1., by_norm ? 0. : 0.5}, this->top_,
            this->bottom_, &layer);
        diff[fix][by_norm] = DiffOf(this->data_);
      }
    }
    for (int c = 0; c < 2; ++c) {
      EXPECT_GT(std::abs(diff[0][0][c]), 0.05);
      EXPECT_NEAR((l1 ? 7 + 1e-6 : 5) * diff[0][0][c], diff[1][0][c],
          5 * Tolerance<Dtype>());
      EXPECT_EQ(diff[0][1][c], diff[1][1][c]);
    }
  }
}

TYPED_TEST(NormalizeLayerTest, TestInPlace) {
  for (int l1 = 0; l1 < 2; ++l1) {
    if (l1) { this->UseL1(); }
    this->FillShort({2, 3, 2, 1});
    ExpectSameInPlace(this->param_, this->bottom_,
        {1, -0.5, 0.25, 2, -1, 0.5, 0.75, 1, -2, -0.25, 0.5, 1});
  }
}

TYPED_TEST(NormalizeLayerTest, TestWrongTypeAndShape) {
  typedef typename TypeParam::Dtype Dtype;
  this->data_.Reshape(vector<int>(1, 3));
  NormalizeLayer<Dtype> layer(this->param_);
  EXPECT_FATAL(layer.SetUp(this->bottom_, this->top_),
      "Layer norm1 .Normalize.: the bottom must be");
  this->data_.Reshape({1, 3});
  this->param_.mutable_normalize_param()->set_normalize_type("L3");
  NormalizeLayer<Dtype> wrong(this->param_);
  EXPECT_FATAL(wrong.SetUp(this->bottom_, this->top_),
      "normalize_type must be .L2. or .L1., but is .L3.");
}

}  // namespace caffe
