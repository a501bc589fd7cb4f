// installed by amcaffe
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/margin_inner_product_layer.hpp"
#include "caffe/layers/normalized_inner_product_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

const int kRows = 4, kClasses = 5, kDim = 3;

template <typename TypeParam>
class MarginInnerProductLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  MarginInnerProductLayerTest() {
    param_.set_name("fc6");
    param_.set_type("MarginInnerProduct");
    param_.set_phase(TRAIN);
    margin()->set_num_output(kClasses);
    margin()->mutable_weight_filler()->set_type("gaussian");
    SetMargin(4, 0);
    // Angles of all sizes: with the weights below, about 23, 60, 104 and 170
    // degrees to the label's, so that each branch of psi is taken.
    SetBlob({kRows, kDim}, {1, 0.5, 0.25,
                            -0.5, 1, 0.75,
                            0.5, -1.25, 0.5,
                            0.25, -0.5, -1.5}, &input_);
    SetBlob({kRows}, {0, 1, 2, 4}, &label_);
    weights_ = {2, 0.5, -0.25,
                0.5, 1, 0,
                -0.25, 1, 1.5,
                1, -1, 0.5,
                0, 0.25, 1};
    bottom_ = {&input_, &label_};
    top_ = {&top_logits_, &top_lambda_};
  }

  MarginInnerProductParameter* margin() {
    return param_.mutable_margin_inner_product_param();
  }

  void SetMargin(const int m, const double lambda) {
    margin()->set_type(
        static_cast<MarginInnerProductParameter_MarginType>(m - 1));
    margin()->set_base(lambda);
  }

  shared_ptr<Layer<Dtype> > MakeLayer() {
    shared_ptr<Layer<Dtype> > layer(
        new MarginInnerProductLayer<Dtype>(param_));
    layer->SetUp(bottom_, top_);
    SetBlob({kClasses, kDim}, weights_, layer->blobs()[0].get());
    return layer;
  }

  // What the logits should be, by angles.
  vector<double> Expected(const int m, const double lambda) {
    vector<double> logits;
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kClasses; ++j) {
        double dot = 0, x = 0, w = 0;
        for (int d = 0; d < kDim; ++d) {
          const double a = input_.cpu_data()[i * kDim + d];
          const double b = weights_[j * kDim + d];
          dot += a * b;
          x += a * a;
          w += b * b;
        }
        const double theta = std::acos(dot / std::sqrt(x * w));
        const int k = m * theta / 3.14159265358979323846;
        const double psi = (k % 2 ? -1 : 1) * std::cos(m * theta) - 2 * k;
        logits.push_back(std::sqrt(x) * (label_.cpu_data()[i] == j ?
            (lambda * std::cos(theta) + psi) / (1 + lambda) :
            std::cos(theta)));
      }
    }
    return logits;
  }

  LayerParameter param_;
  Blob<Dtype> input_, label_, top_logits_, top_lambda_;
  vector<double> weights_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(MarginInnerProductLayerTest, TestDtypesAndDevices);

TYPED_TEST(MarginInnerProductLayerTest, TestForward) {
  typedef typename TypeParam::Dtype Dtype;
  for (int m = 1; m <= 4; ++m) {
    for (double lambda = 0; lambda < 10; lambda += 5) {
      this->SetMargin(m, lambda);
      this->MakeLayer()->Forward(this->bottom_, this->top_);
      ExpectNear(this->Expected(m, lambda), this->top_logits_.cpu_data(),
          20 * Tolerance<Dtype>());
      EXPECT_EQ(lambda, this->top_lambda_.cpu_data()[0]);
    }
  }
}

TYPED_TEST(MarginInnerProductLayerTest, TestEveryAngle) {
  typedef typename TypeParam::Dtype Dtype;
  this->weights_.assign(kClasses * kDim, 1);
  const double sqrt3 = std::sqrt(3.);
  for (int m = 1; m <= 4; ++m) {
    this->SetMargin(m, 0);
    shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
    double last = std::numeric_limits<double>::infinity();
    for (int step = 0; step <= 96; ++step) {
      const double theta = step * 3.14159265358979323846 / 96;
      // theta away from (1, 1, 1), by (1, -1, 0).
      const double along = 2 * std::cos(theta) / sqrt3;
      const double across = 2 * std::sin(theta) / std::sqrt(2.);
      SetBlob({1, kDim}, {along + across, along - across, along},
          &this->input_);
      SetBlob({1}, {0}, &this->label_);
      layer->Forward(this->bottom_, this->top_);
      const double y = this->top_logits_.cpu_data()[0];
      EXPECT_LT(y, last) << "m = " << m << ", step " << step;
      last = y;
    }
    // From |x| * 1 at 0 to |x| * (1 - 2m) at pi.
    EXPECT_NEAR(2 - 4 * m, last, 1e-5);
  }
}

TYPED_TEST(MarginInnerProductLayerTest, TestGradient) {
  typedef typename TypeParam::Dtype Dtype;
  this->label_.mutable_cpu_data()[1] = -1;
  this->top_.resize(1);
  for (int m = 1; m <= 4; ++m) {
    for (double lambda = 0; lambda < 10; lambda += 5) {
      this->SetMargin(m, lambda);
      shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
      GradientChecker<Dtype> checker(1e-3, 1e-2);
      checker.CheckGradientExhaustive(layer.get(), this->bottom_, this->top_,
          0);
    }
  }
}

TYPED_TEST(MarginInnerProductLayerTest, TestBackwardLeavesTheTopsGradient) {
  typedef typename TypeParam::Dtype Dtype;
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  layer->Forward(this->bottom_, this->top_);
  vector<double> diff;
  for (int i = 0; i < kRows * kClasses; ++i) {
    diff.push_back(0.25 * i - 2);
  }
  BackwardFrom(diff, this->top_, this->bottom_, layer.get());
  EXPECT_EQ(diff, DiffOf(this->top_logits_));
  const vector<double> first = DiffOf(this->input_);
  BackwardFrom(diff, this->top_, this->bottom_, layer.get());
  EXPECT_EQ(first, DiffOf(this->input_));
}

TYPED_TEST(MarginInnerProductLayerTest, TestWithoutMarginIsInnerProduct) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetMargin(1, 0);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  layer->Forward(this->bottom_, this->top_);
  LayerParameter param;
  param.mutable_normalized_inner_product_param()->set_num_output(kClasses);
  param.mutable_normalized_inner_product_param()->set_normalize_input(false);
  Blob<Dtype> top_plain;
  const vector<Blob<Dtype>*> bottom(1, &this->input_);
  const vector<Blob<Dtype>*> top(1, &top_plain);
  NormalizedInnerProductLayer<Dtype> plain(param);
  plain.SetUp(bottom, top);
  plain.blobs()[0]->CopyFrom(*layer->blobs()[0]);
  plain.Forward(bottom, top);
  ExpectNear(DataOf(top_plain), this->top_logits_.cpu_data());
  const vector<double> diff(kRows * kClasses, 0.5);
  BackwardFrom(diff, top, bottom, &plain);
  const vector<double> expected = DiffOf(this->input_);
  BackwardFrom(diff, this->top_, this->bottom_, layer.get());
  ExpectNear(expected, this->input_.cpu_diff());
}

TYPED_TEST(MarginInnerProductLayerTest, TestZeroVectorsStayFinite) {
  typedef typename TypeParam::Dtype Dtype;
  for (int d = 0; d < kDim; ++d) {
    this->input_.mutable_cpu_data()[d] = 0;
    this->weights_[kDim + d] = 0;
  }
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  layer->Forward(this->bottom_, this->top_);
  BackwardFrom(vector<double>(kRows * kClasses, 1), this->top_, this->bottom_,
      layer.get());
  for (int j = 0; j < kClasses; ++j) {
    EXPECT_EQ(0, this->top_logits_.cpu_data()[j]);
  }
  for (int i = 0; i < this->input_.count(); ++i) {
    EXPECT_TRUE(std::isfinite(this->input_.cpu_diff()[i]));
  }
  for (int i = 0; i < kClasses * kDim; ++i) {
    EXPECT_TRUE(std::isfinite(layer->blobs()[0]->cpu_diff()[i]));
  }
}

TYPED_TEST(MarginInnerProductLayerTest, TestPhases) {
  typedef typename TypeParam::Dtype Dtype;
  this->param_.set_phase(TEST);
  // Not read in this phase: it may come from another set of classes.
  this->label_.mutable_cpu_data()[0] = 7;
  this->MakeLayer()->Forward(this->bottom_, this->top_);
  ExpectNear(this->Expected(1, 0), this->top_logits_.cpu_data(),
      20 * Tolerance<Dtype>());
  this->label_.mutable_cpu_data()[0] = 0;
  this->margin()->set_transform_test(true);
  this->MakeLayer()->Forward(this->bottom_, this->top_);
  ExpectNear(this->Expected(4, 0), this->top_logits_.cpu_data(),
      20 * Tolerance<Dtype>());
}

TYPED_TEST(MarginInnerProductLayerTest, TestAnnealing) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetMargin(4, 100);
  this->margin()->set_gamma(1);
  this->margin()->set_power(2);
  this->margin()->set_lambda_min(5);
  this->margin()->set_iteration(1);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  const double lambda[] = {100. / 9, 6.25, 5, 5};
  for (int i = 0; i < 4; ++i) {
    layer->Forward(this->bottom_, this->top_);
    EXPECT_NEAR(lambda[i], this->top_lambda_.cpu_data()[0],
        20 * Tolerance<Dtype>());
    ExpectNear(this->Expected(4, lambda[i]), this->top_logits_.cpu_data(),
        20 * Tolerance<Dtype>());
    EXPECT_EQ(2 + i, layer->blobs()[1]->cpu_data()[0]);
  }
}

TYPED_TEST(MarginInnerProductLayerTest, TestSnapshotAndResume) {
  typedef typename TypeParam::Dtype Dtype;
  ExpectResumesExactly<Dtype>(
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 'label' "
      "  dummy_data_param { data_filler { value: 0.25 } "
      "    data_filler { value: 1 } shape { dim: 2 dim: 3 } "
      "    shape { dim: 2 } } } "
      "layer { name: 'fc6' type: 'MarginInnerProduct' bottom: 'x' "
      "  bottom: 'label' top: 'fc6' top: 'lambda' param { lr_mult: 2 } "
      "  margin_inner_product_param { num_output: 3 type: QUADRUPLE "
      "    weight_filler { type: 'gaussian' } base: 10 gamma: 0.25 } }",
      "lambda");
}

// SphereFace's weights files have the weight alone.
TYPED_TEST(MarginInnerProductLayerTest, TestOneBlobWithoutAnnealing) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetMargin(4, 5);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  ASSERT_EQ(1, layer->blobs().size());
  EXPECT_EQ(kClasses, layer->blobs()[0]->shape(0));
  EXPECT_EQ(kDim, layer->blobs()[0]->shape(1));
}

TYPED_TEST(MarginInnerProductLayerTest, TestAxes) {
  this->SetMargin(3, 0);
  this->MakeLayer()->Forward(this->bottom_, this->top_);
  const vector<double> flat = DataOf(this->top_logits_);
  this->input_.Reshape({2, 2, 1, kDim});
  this->label_.Reshape({2, 2});
  this->margin()->set_axis(-2);
  this->MakeLayer()->Forward(this->bottom_, this->top_);
  EXPECT_EQ(vector<int>({2, 2, kClasses}), this->top_logits_.shape());
  ExpectNear(flat, this->top_logits_.cpu_data());
}

TYPED_TEST(MarginInnerProductLayerTest, TestRefusals) {
  this->label_.mutable_cpu_data()[3] = kClasses;
  EXPECT_FATAL(this->MakeLayer()->Forward(this->bottom_, this->top_),
      "Layer fc6 .MarginInnerProduct.: row 3 of the batch has label 5");
  this->label_.Reshape({3});
  EXPECT_FATAL(this->MakeLayer(), "one label for each input");
  this->margin()->set_gamma(-1);
  EXPECT_FATAL(this->MakeLayer(),
      "base, gamma, power, lambda_min and iteration");
  this->margin()->set_gamma(0);
  this->margin()->clear_num_output();
  EXPECT_FATAL(this->MakeLayer(), "num_output is the number of classes");
}

TYPED_TEST(MarginInnerProductLayerTest, TestMoreThanKernelsGoOver) {
  typedef typename TypeParam::Dtype Dtype;
  const int edge = kEdgeOfKernels;
  this->label_.Reshape({1});
  this->input_.Reshape({1, edge});
  this->margin()->set_num_output(edge + 1);
  MarginInnerProductLayer<Dtype> more(this->param_);
  GiveWeight(edge + 1, edge, &more);
  EXPECT_FATAL(more.SetUp(this->bottom_, this->top_), "Layer fc6 "
      ".MarginInnerProduct.: the weight .* has 32769 x 32768 numbers");
  this->margin()->set_num_output(edge);
  MarginInnerProductLayer<Dtype> most(this->param_);
  GiveWeight(edge, edge, &most);
  most.SetUp(this->bottom_, this->top_);
  this->label_.Reshape({edge + 1});
  this->input_.Reshape({edge + 1, edge});
  EXPECT_FATAL(most.Reshape(this->bottom_, this->top_), "bottom.0. has "
      "32769 x 32768 numbers, .* Take a smaller batch");
}

}  // namespace caffe
