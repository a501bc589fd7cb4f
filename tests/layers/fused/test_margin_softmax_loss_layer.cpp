// installed by amcaffe
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <thread>  // NOLINT(build/c++11)
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/filler.hpp"
#include "caffe/layers/margin_softmax_loss_layer.hpp"
#include "caffe/net.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

// The largest error relative to the largest expected value.
template <typename Dtype>
void ExpectClose(const vector<double>& expected, const Dtype* found,
    const string& what) {
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
  }
  const double tolerance = sizeof(Dtype) == sizeof(float) ? 1e-5 : 1e-10;
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(expected[i], found[i], tolerance * std::max(largest, 1e-3))
        << what << ", element " << i;
  }
}

template <typename TypeParam>
class MarginSoftmaxLossLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  MarginSoftmaxLossLayerTest() {
    Caffe::set_random_seed(1701);
    param_.set_name("loss");
    param_.set_type("MarginSoftmaxLoss");
    param_.set_phase(TRAIN);
    margin()->mutable_weight_filler()->set_type("gaussian");
    margin()->set_scale(4);
    SetMargin(1, 0, 0.25);
    Fill(4, 3, 5);
    bottom_ = {&feature_, &label_};
    top_ = {&loss_, &statistics_};
  }

  MarginSoftmaxLossParameter* margin() {
    return param_.mutable_margin_softmax_loss_param();
  }

  void SetMargin(const double m1, const double m2, const double m3) {
    margin()->set_m1(m1);
    margin()->set_m2(m2);
    margin()->set_m3(m3);
  }

  // Random features, and every label from a multiple of 7 up.
  void Fill(const int rows, const int dim, const int classes) {
    margin()->set_num_output(classes);
    feature_.Reshape({rows, dim});
    FillerParameter filler_param;
    filler_param.set_std(2);
    GaussianFiller<Dtype>(filler_param).Fill(&feature_);
    label_.Reshape({rows});
    for (int i = 0; i < rows; ++i) {
      label_.mutable_cpu_data()[i] = (7 * i + 3) % classes;
    }
  }

  shared_ptr<Layer<Dtype> > MakeLayer() {
    shared_ptr<Layer<Dtype> > layer = LayerRegistry<Dtype>::CreateLayer(param_);
    layer->SetUp(bottom_, top_);
    return layer;
  }

  // Both passes, the gradient of the loss being 1.
  void Run(Layer<Dtype>* layer) {
    layer->Forward(bottom_, top_);
    caffe_set(layer->blobs()[0]->count(), Dtype(0),
        layer->blobs()[0]->mutable_cpu_diff());
    BackwardFrom({1}, top_, bottom_, layer);
  }

  // The same by a net of separate layers.
  void ExpectSameAsChain() {
    const MarginSoftmaxLossParameter& own = *margin();
    std::ostringstream text;
    text.precision(9);
    text << "layer { name: 'data' type: 'Input' top: 'f' top: 'label' "
         << "  input_param { shape { dim: " << feature_.shape(0)
         << " dim: " << feature_.shape(1)
         << " } shape { dim: " << feature_.shape(0)
         << " } } } force_backward: true "
         << "layer { name: 'loss' type: 'NormalizedInnerProduct' bottom: 'f' "
         << "  top: 'cos' normalized_inner_product_param { num_output: "
         << own.num_output() << " } } "
         << "layer { name: 'm' bottom: 'cos' bottom: 'label' top: 'cos_m' ";
    if (own.unconditional()) {
      text << "type: 'CombinedMargin' combined_margin_param { m1: " << own.m1()
           << " m2: " << own.m2() << " m3: " << own.m3()
           << " bound: " << (own.bound() ? "MONOTONE" : "CLAMP") << " } } ";
    } else {
      text << "type: 'LabelSpecificAdd' label_specific_add_param { bias: "
           << -own.m3() << " } } ";
    }
    text << "layer { name: 's' type: 'Power' bottom: 'cos_m' top: 'logit' "
         << "  power_param { scale: " << own.scale() << " } } "
         << "layer { name: 'l' type: 'SoftmaxWithLoss' bottom: 'logit' "
         << "  bottom: 'label' top: 'l' loss_param { ignore_label: -1 "
         << "  normalization: "
         << LossParameter_NormalizationMode_Name(
                param_.loss_param().normalization())
         << " } }";
    ExpectSameAs(text.str());
  }

  // A-Softmax, whose weight's gradient goes through its normalisation, too.
  void ExpectSameAsASoftmax() {
    const MarginSoftmaxLossParameter& own = *margin();
    std::ostringstream text;
    text << "layer { name: 'data' type: 'Input' top: 'f' top: 'label' "
         << "  input_param { shape { dim: " << feature_.shape(0)
         << " dim: " << feature_.shape(1)
         << " } shape { dim: " << feature_.shape(0)
         << " } } } force_backward: true "
         << "layer { name: 'loss' type: 'MarginInnerProduct' bottom: 'f' "
         << "  bottom: 'label' top: 'logit' margin_inner_product_param { "
         << "  type: QUADRUPLE num_output: " << own.num_output()
         << " base: " << own.base() << " gamma: " << own.gamma()
         << " power: " << own.power() << " lambda_min: " << own.lambda_min()
         << " iteration: " << own.iteration() << " } } "
         << "layer { name: 'l' type: 'SoftmaxWithLoss' bottom: 'logit' "
         << "  bottom: 'label' top: 'l' }";
    ExpectSameAs(text.str());
  }

  // The same by a net, of whose layers 'loss' has the weight.
  void ExpectSameAs(const string& text) {
    NetParameter net_param;
    ASSERT_TRUE(
        google::protobuf::TextFormat::ParseFromString(text, &net_param));
    net_param.mutable_state()->set_phase(TRAIN);
    Net<Dtype> net(net_param);
    shared_ptr<Layer<Dtype> > layer = MakeLayer();
    Blob<Dtype>* weight = layer->blobs()[0].get();
    net.layer_by_name("loss")->blobs()[0]->CopyFrom(*weight);
    net.blob_by_name("f")->CopyFrom(feature_);
    net.blob_by_name("label")->CopyFrom(label_);
    net.ClearParamDiffs();
    net.Forward();
    net.Backward();
    Run(layer.get());
    ExpectClose(DataOf(*net.blob_by_name("l")), loss_.cpu_data(), "loss");
    ExpectClose(DiffOf(*net.blob_by_name("f")), feature_.cpu_diff(),
        "gradient by the features");
    ExpectClose(DiffOf(*net.layer_by_name("loss")->blobs()[0]),
        weight->cpu_diff(), "gradient by the weight");
  }

  // Of two rows whose targets have cosines 0.8 and 0.
  shared_ptr<Layer<Dtype> > MakePlane() {
    Fill(2, 2, 3);
    SetBlob({2, 2}, {3, 4, 0, 2}, &feature_);
    SetBlob({2}, {1, 0}, &label_);
    shared_ptr<Layer<Dtype> > layer = MakeLayer();
    SetBlob({3, 2}, {5, 0, 0, 0.5, -1, 0}, layer->blobs()[0].get());
    return layer;
  }

  // MakePlane's loss: the others' cosines are (0.6, -0.6) and (1, 0).
  double PlaneLoss(const double scale, const double psi_of_first,
      const double psi_of_second) const {
    return (std::log1p(std::exp(scale * (0.6 - psi_of_first)) +
                std::exp(scale * (-0.6 - psi_of_first))) +
               std::log1p(std::exp(scale * (1 - psi_of_second)) +
                   std::exp(-scale * psi_of_second))) /
        2;
  }

  void CheckGradient() {
    MarginSoftmaxLossLayer<Dtype> layer(param_);
    top_ = {&loss_};
    GradientChecker<Dtype> checker(1e-3, 2e-2, 1701);
    checker.CheckGradientExhaustive(&layer, bottom_, top_, 0);
  }

  LayerParameter param_;
  Blob<Dtype> feature_, label_, loss_, statistics_;
  vector<Blob<Dtype>*> bottom_, top_;
};

TYPED_TEST_CASE(MarginSoftmaxLossLayerTest, TestDtypesAndDevices);

TYPED_TEST(MarginSoftmaxLossLayerTest, TestForwardByHand) {
  // Unit features and weights along the axes of the plane.
  this->Fill(2, 2, 3);
  SetBlob({2, 2}, {3, 4, 0, 2}, &this->feature_);
  SetBlob({2}, {1, 0}, &this->label_);
  this->margin()->set_scale(2);
  shared_ptr<Layer<typename TypeParam::Dtype> > layer = this->MakeLayer();
  // Caffemodels without annealing have the weight alone.
  ASSERT_EQ(1, layer->blobs().size());
  SetBlob({3, 2}, {5, 0, 0, 0.5, -1, 0}, layer->blobs()[0].get());
  layer->Forward(this->bottom_, this->top_);
  // Cosines (0.6, 0.8, -0.6) and (0, 1, 0); the margin is 0.25.
  const double first =
      std::log(std::exp(2 * 0.55) + std::exp(1.2) + std::exp(-1.2)) - 2 * 0.55;
  const double second = std::log(std::exp(-0.5) + std::exp(2.) + 1) + 0.5;
  EXPECT_NEAR((first + second) / 2, this->loss_.cpu_data()[0], 1e-6);
  ExpectNear({0.4, 0.8, 0.5}, this->statistics_.cpu_data());
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestSameAsChain) {
  this->ExpectSameAsChain();
  this->SetMargin(1, 0.5, 0);
  this->ExpectSameAsChain();
  this->SetMargin(1, 0.3, 0.2);
  this->margin()->set_bound(MarginSoftmaxLossParameter_Bound_MONOTONE);
  this->ExpectSameAsChain();
  this->SetMargin(4, 0, 0);
  this->ExpectSameAsChain();
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestSameAsChainWithTheReleasedGuard) {
  this->margin()->set_unconditional(false);
  for (int memory = 0; memory < 2; ++memory) {
    this->margin()->set_memory_mb(64 * memory);
    this->ExpectSameAsChain();
    this->Fill(9, 3, 70);
    this->ExpectSameAsChain();
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestSameAsASoftmaxsChain) {
  this->SetMargin(4, 0, 0);
  this->margin()->set_scale(1);
  this->margin()->set_normalize_feature(false);
  this->margin()->set_base(7);
  this->margin()->set_gamma(0.5);
  this->margin()->set_power(2);
  this->margin()->set_lambda_min(0.25);
  for (int iteration = 0; iteration < 12; iteration += 4) {
    SCOPED_TRACE(iteration);
    this->margin()->set_iteration(iteration);
    this->ExpectSameAsASoftmax();
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestSameAsChainInBlocks) {
  for (int memory = 0; memory < 2; ++memory) {
    this->margin()->set_memory_mb(64 * memory);
    this->Fill(5, 3, 5003);
    this->ExpectSameAsChain();
    this->Fill(3, 300, 999);
    this->ExpectSameAsChain();
  }
}

// The seed of a failure is its trace.
TYPED_TEST(MarginSoftmaxLossLayerTest, TestSameAsChainInAnyShape) {
  for (unsigned int seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    unsigned int state = seed;
    const int rows = 1 + rand_r(&state) % 9;
    const int dim = 1 + rand_r(&state) % 40;
    const int classes = 1 + rand_r(&state) % 300;
    Caffe::set_random_seed(seed);
    this->Fill(rows, dim, classes);
    this->label_.mutable_cpu_data()[rand_r(&state) % rows] = -1;
    this->margin()->set_scale(seed % 2 ? 30 : 1);
    this->margin()->set_memory_mb(seed % 3 ? 64 : 0);
    this->param_.mutable_loss_param()->set_normalization(
        static_cast<LossParameter_NormalizationMode>(seed % 4));
    this->ExpectSameAsChain();
  }
}

// CLAMP's slope is not the curve's where it is limited: with an angle, the
// gradient is checked with MONOTONE here, and against the chain with both.
TYPED_TEST(MarginSoftmaxLossLayerTest, TestGradient) {
  this->CheckGradient();
  this->margin()->set_bound(MarginSoftmaxLossParameter_Bound_MONOTONE);
  this->SetMargin(1, 0.5, 0);
  this->CheckGradient();
  this->SetMargin(2, 0.25, 0.125);
  this->CheckGradient();
}

// At no target that the guard's step is near to.
TYPED_TEST(MarginSoftmaxLossLayerTest, TestGradientWithTheReleasedGuard) {
  this->margin()->set_unconditional(false);
  this->CheckGradient();
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestGradientWithLambda) {
  this->margin()->set_base(3);
  this->CheckGradient();
  this->margin()->set_normalize_feature(false);
  this->margin()->set_scale(1);
  this->SetMargin(3, 0, 0);
  this->CheckGradient();
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestAnnealingByHand) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetMargin(2, 0.5, 0.25);
  this->margin()->set_scale(5);
  this->margin()->set_anneal_iter(4);
  this->margin()->set_start_scale(1);
  this->margin()->set_start_m3(0.125);
  shared_ptr<Layer<Dtype> > layer = this->MakePlane();
  ASSERT_EQ(2, layer->blobs().size());
  const double m1[] = {1, 1.25, 1.5, 1.75, 2, 2};
  const double m2[] = {0, 0.125, 0.25, 0.375, 0.5, 0.5};
  const double m3[] = {0.125, 0.15625, 0.1875, 0.21875, 0.25, 0.25};
  const double scale[] = {1, 2, 3, 4, 5, 5};
  const double pi = std::acos(-1.);
  for (int pass = 0; pass < 6; ++pass) {
    SCOPED_TRACE(pass);
    EXPECT_EQ(pass, layer->blobs()[1]->cpu_data()[0]);
    layer->Forward(this->bottom_, this->top_);
    const double first = std::cos(m1[pass] * std::acos(0.8) + m2[pass]);
    const double angle = m1[pass] * pi / 2 + m2[pass];
    const double second = angle > pi ? -std::cos(angle) - 2 : std::cos(angle);
    EXPECT_NEAR(
        this->PlaneLoss(scale[pass], first - m3[pass], second - m3[pass]),
        this->loss_.cpu_data()[0], 1e-5);
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestAnnealedGradients) {
  typedef typename TypeParam::Dtype Dtype;
  LayerParameter constant = this->param_;
  this->margin()->set_normalize_feature(false);
  this->SetMargin(2, 0.5, 0.25);
  this->margin()->set_scale(3);
  this->margin()->set_anneal_iter(2);
  this->margin()->set_start_scale(1);
  for (int memory = 0; memory < 2; ++memory) {
    this->margin()->set_memory_mb(memory);
    shared_ptr<Layer<Dtype> > annealed = this->MakeLayer();
    for (int pass = 0; pass < 4; ++pass) {
      SCOPED_TRACE(pass);
      this->Run(annealed.get());
      const vector<double> by_feature = DiffOf(this->feature_);
      const vector<double> by_weight = DiffOf(*annealed->blobs()[0]);
      // A layer that has had this pass's values from its beginning.
      const double share = std::min(pass, 2) / 2.;
      MarginSoftmaxLossParameter own = *this->margin();
      own.clear_anneal_iter();
      own.clear_start_scale();
      own.set_m1(1 + share);
      own.set_m2(0.5 * share);
      own.set_m3(0.25 * share);
      own.set_scale(1 + 2 * share);
      *constant.mutable_margin_softmax_loss_param() = own;
      shared_ptr<Layer<Dtype> > layer =
          LayerRegistry<Dtype>::CreateLayer(constant);
      layer->SetUp(this->bottom_, this->top_);
      layer->blobs()[0]->CopyFrom(*annealed->blobs()[0]);
      this->Run(layer.get());
      ExpectNear(DiffOf(this->feature_), by_feature.data());
      ExpectNear(DiffOf(*layer->blobs()[0]), by_weight.data());
    }
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestATestTakesTheMarginOfTheMoment) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetMargin(1, 0, 0.5);
  this->margin()->set_scale(5);
  this->margin()->set_anneal_iter(4);
  this->margin()->set_start_scale(1);
  this->margin()->set_iteration(2);
  this->param_.set_phase(TEST);
  for (int transform = 0; transform < 2; ++transform) {
    this->margin()->set_transform_test(transform);
    shared_ptr<Layer<Dtype> > layer = this->MakePlane();
    const double m3 = transform ? 0.25 : 0;
    for (int pass = 0; pass < 2; ++pass) {
      layer->Forward(this->bottom_, this->top_);
      EXPECT_NEAR(this->PlaneLoss(3, 0.8 - m3, -m3), this->loss_.cpu_data()[0],
          1e-5);
      EXPECT_EQ(2, layer->blobs()[1]->cpu_data()[0]);
    }
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestTheGuardByHand) {
  this->SetMargin(1, 0, 0.25);
  this->margin()->set_scale(2);
  this->margin()->set_unconditional(false);
  this->MakePlane()->Forward(this->bottom_, this->top_);
  EXPECT_NEAR(this->PlaneLoss(2, 0.55, 0), this->loss_.cpu_data()[0], 1e-5);
  this->margin()->set_unconditional(true);
  this->MakePlane()->Forward(this->bottom_, this->top_);
  EXPECT_NEAR(this->PlaneLoss(2, 0.55, -0.25), this->loss_.cpu_data()[0], 1e-5);
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestLambdaByHand) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetMargin(1, 0, 0.5);
  this->margin()->set_scale(2);
  this->margin()->set_base(24);
  this->margin()->set_gamma(1);
  this->margin()->set_power(2);
  this->margin()->set_lambda_min(1);
  shared_ptr<Layer<Dtype> > layer = this->MakePlane();
  const double lambda[] = {6, 24. / 9, 1.5, 1, 1};
  for (int pass = 0; pass < 5; ++pass) {
    SCOPED_TRACE(pass);
    layer->Forward(this->bottom_, this->top_);
    const double m3 = 0.5 / (1 + lambda[pass]);
    EXPECT_NEAR(this->PlaneLoss(2, 0.8 - m3, -m3), this->loss_.cpu_data()[0],
        1e-5);
    EXPECT_EQ(pass + 1, layer->blobs()[1]->cpu_data()[0]);
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestSnapshotAndResume) {
  typedef typename TypeParam::Dtype Dtype;
  ExpectResumesExactly<Dtype>(
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 'label' "
      "  dummy_data_param { data_filler { value: 0.25 } "
      "    data_filler { value: 1 } shape { dim: 2 dim: 3 } "
      "    shape { dim: 2 } } } "
      "layer { name: 'loss' type: 'MarginSoftmaxLoss' bottom: 'x' "
      "  bottom: 'label' top: 'loss' param { lr_mult: 2 } "
      "  margin_softmax_loss_param { num_output: 3 m2: 0.5 anneal_iter: 16 "
      "    start_scale: 2 weight_filler { type: 'gaussian' } } }",
      "loss");
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestGradientInBlocks) {
  this->margin()->set_memory_mb(0);
  this->CheckGradient();
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestGradientWithFeatureNorms) {
  this->margin()->set_normalize_feature(false);
  this->margin()->set_scale(1);
  this->CheckGradient();
  this->margin()->set_memory_mb(0);
  this->margin()->set_bound(MarginSoftmaxLossParameter_Bound_MONOTONE);
  this->SetMargin(1, 0.5, 0);
  this->CheckGradient();
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestGradientWithIgnoredRows) {
  this->label_.mutable_cpu_data()[1] = -1;
  this->label_.mutable_cpu_data()[2] = 4;
  this->param_.mutable_loss_param()->set_ignore_label(4);
  this->CheckGradient();
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestLogitsGrowWithFeatureNorms) {
  typedef typename TypeParam::Dtype Dtype;
  SetBlob({2, 2}, {3, 4, 0, 2}, &this->feature_);
  SetBlob({2}, {0, 1}, &this->label_);
  this->margin()->set_num_output(2);
  this->margin()->set_scale(0.5);
  this->margin()->set_normalize_feature(false);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  SetBlob({2, 2}, {1, 0, 0, 1}, layer->blobs()[0].get());
  layer->Forward(this->bottom_, this->top_);
  // 0.5 * 5 * (0.6 - 0.25, 0.8) and 0.5 * 2 * (0, 1 - 0.25), where 1 is taken
  // as 1 - 1e-4.
  EXPECT_NEAR((std::log1p(std::exp(2.5 * (0.8 - 0.35))) +
                  std::log1p(std::exp(-0.7499))) /
          2,
      this->loss_.cpu_data()[0], 1e-6);
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestLossKeepsItsDigits) {
  typedef typename TypeParam::Dtype Dtype;
  SetBlob({1, 2}, {1, 0}, &this->feature_);
  SetBlob({1}, {0}, &this->label_);
  this->margin()->set_num_output(2);
  this->margin()->set_scale(40);
  this->SetMargin(1, 0, 0);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  SetBlob({2, 2}, {0.75, 1, -0.5, 0}, layer->blobs()[0].get());
  this->Run(layer.get());
  // The cosines are 0.6 and -1: the loss is far below the resolution of 1.
  const double loss = std::exp(-40 * 1.6);
  EXPECT_NEAR(1, this->loss_.cpu_data()[0] / loss, 1e-4);
  EXPECT_LT(layer->blobs()[0]->cpu_diff()[0], 0);
  // And where the target is far behind, far above what exp can hold.
  this->label_.mutable_cpu_data()[0] = 1;
  layer->Forward(this->bottom_, this->top_);
  EXPECT_NEAR(40 * 1.6, this->loss_.cpu_data()[0], 1e-2);
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestSecondBackwardIsTheSame) {
  typedef typename TypeParam::Dtype Dtype;
  for (int memory = 0; memory < 2; ++memory) {
    this->margin()->set_memory_mb(memory);
    shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
    this->Run(layer.get());
    const vector<double> by_feature = DiffOf(this->feature_);
    const vector<double> by_weight = DiffOf(*layer->blobs()[0]);
    BackwardFrom({1}, this->top_, this->bottom_, layer.get());
    ExpectNear(by_feature, this->feature_.cpu_diff());
    // The weight's gradient is added up.
    vector<double> twice(by_weight);
    for (size_t i = 0; i < twice.size(); ++i) { twice[i] *= 2; }
    ExpectNear(twice, layer->blobs()[0]->cpu_diff());
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestOnlyWhatIsAskedFor) {
  typedef typename TypeParam::Dtype Dtype;
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  this->Run(layer.get());
  const vector<double> by_feature = DiffOf(this->feature_);
  const vector<double> by_weight = DiffOf(*layer->blobs()[0]);
  const vector<double> untouched(by_feature.size(), 7);
  // Without the features' gradient.
  caffe_set(this->feature_.count(), Dtype(7),
      this->feature_.mutable_cpu_diff());
  caffe_set(layer->blobs()[0]->count(), Dtype(0),
      layer->blobs()[0]->mutable_cpu_diff());
  layer->Backward(this->top_, {false, false}, this->bottom_);
  ExpectNear(untouched, this->feature_.cpu_diff());
  ExpectNear(by_weight, layer->blobs()[0]->cpu_diff());
  // Without the weight's.
  layer->set_param_propagate_down(0, false);
  layer->Backward(this->top_, {true, false}, this->bottom_);
  ExpectNear(by_feature, this->feature_.cpu_diff());
  ExpectNear(by_weight, layer->blobs()[0]->cpu_diff());
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestAllRowsIgnored) {
  typedef typename TypeParam::Dtype Dtype;
  caffe_set(this->label_.count(), Dtype(-1), this->label_.mutable_cpu_data());
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  this->Run(layer.get());
  EXPECT_EQ(0, this->loss_.cpu_data()[0]);
  ExpectNear({0, 0, 0}, this->statistics_.cpu_data());
  ExpectNear(vector<double>(this->feature_.count(), 0),
      this->feature_.cpu_diff());
  ExpectNear(vector<double>(layer->blobs()[0]->count(), 0),
      layer->blobs()[0]->cpu_diff());
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestZeroVectors) {
  typedef typename TypeParam::Dtype Dtype;
  caffe_set(3, Dtype(0), this->feature_.mutable_cpu_data());
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  caffe_set(3, Dtype(0), layer->blobs()[0]->mutable_cpu_data() + 9);
  this->Run(layer.get());
  EXPECT_TRUE(std::isfinite(this->loss_.cpu_data()[0]));
  for (int k = 0; k < 3; ++k) {
    EXPECT_EQ(0, this->feature_.cpu_diff()[k]);
    EXPECT_EQ(0, layer->blobs()[0]->cpu_diff()[9 + k]);
  }
  for (int k = 0; k < this->feature_.count(); ++k) {
    EXPECT_TRUE(std::isfinite(this->feature_.cpu_diff()[k]));
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestNotANumberIsNotHidden) {
  typedef typename TypeParam::Dtype Dtype;
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  layer->blobs()[0]->mutable_cpu_data()[0] =
      std::numeric_limits<float>::quiet_NaN();
  layer->Forward(this->bottom_, this->top_);
  EXPECT_TRUE(std::isnan(this->loss_.cpu_data()[0]));
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestTestPhaseHasNoMargin) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetMargin(1, 0, 0);
  shared_ptr<Layer<Dtype> > plain = this->MakeLayer();
  plain->Forward(this->bottom_, this->top_);
  const double expected = this->loss_.cpu_data()[0];
  this->SetMargin(1, 0, 0.5);
  this->param_.set_phase(TEST);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  layer->blobs()[0]->CopyFrom(*plain->blobs()[0]);
  layer->Forward(this->bottom_, this->top_);
  EXPECT_NEAR(expected, this->loss_.cpu_data()[0], 1e-6);
  this->margin()->set_transform_test(true);
  layer = this->MakeLayer();
  layer->blobs()[0]->CopyFrom(*plain->blobs()[0]);
  layer->Forward(this->bottom_, this->top_);
  EXPECT_GT(this->loss_.cpu_data()[0], expected + 0.1);
}

// The sampled classes are those with a gradient.
template <typename Dtype>
vector<int> RowsWithGradient(const Blob<Dtype>& weight) {
  vector<int> rows;
  const int dim = weight.shape(1);
  for (int j = 0; j < weight.shape(0); ++j) {
    for (int k = 0; k < dim; ++k) {
      if (weight.cpu_diff()[j * dim + k] != 0) {
        rows.push_back(j);
        break;
      }
    }
  }
  return rows;
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestSampledClasses) {
  typedef typename TypeParam::Dtype Dtype;
  for (int draw = 0; draw < 6; ++draw) {
    Caffe::set_random_seed(draw);
    this->Fill(6, 8, draw % 2 ? 50 : 3000);
    this->margin()->set_memory_mb(draw % 3 ? 64 : 0);
    this->margin()->set_sample_rate(draw % 2 ? 0.75 : 0.25);
    this->label_.mutable_cpu_data()[4] = -1;
    this->label_.mutable_cpu_data()[5] = this->label_.cpu_data()[0];
    shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
    Blob<Dtype>& weight = *layer->blobs()[0];
    this->Run(layer.get());
    const vector<int> chosen = RowsWithGradient(weight);
    EXPECT_EQ(draw % 2 ? 38 : 750, chosen.size());
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(std::binary_search(chosen.begin(), chosen.end(),
          static_cast<int>(this->label_.cpu_data()[i])));
    }
    const vector<double> loss = DataOf(this->loss_);
    const vector<double> by_feature = DiffOf(this->feature_);
    const vector<double> by_weight = DiffOf(weight);
    // All of it is what a layer that knows only these classes gives.
    this->margin()->set_sample_rate(1);
    this->margin()->set_num_output(chosen.size());
    for (int i = 0; i < 6; ++i) {
      if (this->label_.cpu_data()[i] < 0) { continue; }
      this->label_.mutable_cpu_data()[i] =
          std::lower_bound(chosen.begin(), chosen.end(),
              this->label_.cpu_data()[i]) -
          chosen.begin();
    }
    shared_ptr<Layer<Dtype> > few = this->MakeLayer();
    for (size_t j = 0; j < chosen.size(); ++j) {
      caffe_copy(8, weight.cpu_data() + chosen[j] * 8,
          few->blobs()[0]->mutable_cpu_data() + j * 8);
    }
    this->Run(few.get());
    ExpectClose(loss, this->loss_.cpu_data(), "loss");
    ExpectClose(by_feature, this->feature_.cpu_diff(), "features");
    vector<double> by_chosen;
    for (size_t j = 0; j < chosen.size(); ++j) {
      by_chosen.insert(by_chosen.end(), by_weight.begin() + chosen[j] * 8,
          by_weight.begin() + chosen[j] * 8 + 8);
    }
    ExpectClose(by_chosen, few->blobs()[0]->cpu_diff(), "weight");
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestSamplesFollowTheSeed) {
  typedef typename TypeParam::Dtype Dtype;
  this->Fill(4, 3, 400);
  this->margin()->set_sample_rate(0.1);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  vector<vector<int> > drawn;
  for (int draw = 0; draw < 3; ++draw) {
    if (draw != 1) { Caffe::set_random_seed(5); }
    this->Run(layer.get());
    drawn.push_back(RowsWithGradient(*layer->blobs()[0]));
  }
  EXPECT_EQ(drawn[0], drawn[2]);
  EXPECT_NE(drawn[0], drawn[1]);
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestAllOthersAreDrawnEquallyOften) {
  typedef typename TypeParam::Dtype Dtype;
  this->Fill(2, 3, 20);
  for (int half = 0; half < 2; ++half) {
    this->margin()->set_sample_rate(half ? 0.6 : 0.3);  // 12 or 6 of 20
    shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
    vector<int> count(20, 0);
    for (int draw = 0; draw < 400; ++draw) {
      this->Run(layer.get());
      for (int j : RowsWithGradient(*layer->blobs()[0])) { ++count[j]; }
    }
    // Labels 3 and 10, and a share of the other 18; four standard deviations.
    for (int j = 0; j < 20; ++j) {
      const double share = j == 3 || j == 10 ? 1 : (half ? 10. : 4.) / 18;
      EXPECT_NEAR(400 * share, count[j],
          4 * std::sqrt(400 * share * (1 - share)) + 1e-9)
          << "class " << j;
    }
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestTestPhaseTakesAllClasses) {
  typedef typename TypeParam::Dtype Dtype;
  this->param_.set_phase(TEST);
  this->margin()->set_sample_rate(0.2);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  this->Run(layer.get());
  EXPECT_EQ(5, RowsWithGradient(*layer->blobs()[0]).size());
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestLabelOutOfRange) {
  typedef typename TypeParam::Dtype Dtype;
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  this->label_.mutable_cpu_data()[3] = 5;
  EXPECT_FATAL(layer->Forward(this->bottom_, this->top_),
      "Layer loss .MarginSoftmaxLoss.: row 3 of the batch has label 5, but "
      "with C = 5 classes");
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestBatchesOfAnySize) {
  typedef typename TypeParam::Dtype Dtype;
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  this->Run(layer.get());
  const vector<double> few = DiffOf(this->feature_);
  Blob<Dtype> feature, label;
  feature.CopyFrom(this->feature_, false, true);
  label.CopyFrom(this->label_, false, true);
  this->Fill(9, 3, 5);
  this->Run(layer.get());
  this->feature_.CopyFrom(feature, false, true);
  this->label_.CopyFrom(label, false, true);
  layer->Reshape(this->bottom_, this->top_);
  EXPECT_FATAL(BackwardFrom({1}, this->top_, this->bottom_, layer.get()),
      "Backward belongs to a Forward of the same shape");
  this->Run(layer.get());
  ExpectNear(few, this->feature_.cpu_diff());
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestNetsInTwoThreads) {
  typedef typename TypeParam::Dtype Dtype;
  if (Caffe::mode() == Caffe::GPU) { return; }  // of the CPU's threads
  this->Fill(6, 40, 9000);
  shared_ptr<Layer<Dtype> > layer = this->MakeLayer();
  this->Run(layer.get());
  const vector<double> expected = DiffOf(this->feature_);
  // The blobs of one thread are not those of another.
  vector<vector<double> > found(3);
  vector<std::thread> threads;
  for (size_t t = 0; t < found.size(); ++t) {
    threads.push_back(std::thread([&, t]() {
      Blob<Dtype> feature, label, loss;
      feature.CopyFrom(this->feature_, false, true);
      label.CopyFrom(this->label_, false, true);
      LayerParameter param(this->param_);
      shared_ptr<Layer<Dtype> > own = LayerRegistry<Dtype>::CreateLayer(param);
      const vector<Blob<Dtype>*> bottom = {&feature, &label}, top = {&loss};
      own->SetUp(bottom, top);
      own->blobs()[0]->CopyFrom(*layer->blobs()[0]);
      for (int pass = 0; pass < 20; ++pass) {
        own->Forward(bottom, top);
        BackwardFrom({1}, top, bottom, own.get());
      }
      found[t] = DiffOf(feature);
    }));
  }
  for (size_t t = 0; t < found.size(); ++t) {
    threads[t].join();
    ExpectNear(expected, found[t].data());
  }
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestWrongParameters) {
  this->margin()->set_sample_rate(0);
  EXPECT_FATAL(this->MakeLayer(), "sample_rate is a share of the classes");
  this->margin()->set_sample_rate(1);
  this->margin()->set_scale(-1);
  EXPECT_FATAL(this->MakeLayer(), "scale and start_scale must be above 0");
  this->margin()->set_scale(1);
  this->SetMargin(0, 0, 0);
  EXPECT_FATAL(this->MakeLayer(), "m1 must be above 0");
  this->SetMargin(1, 0, 0);
  this->margin()->clear_num_output();
  EXPECT_FATAL(this->MakeLayer(), "num_output is the number of classes");
  this->margin()->set_num_output(5);
  this->param_.add_loss_weight(1);
  this->MakeLayer();  // the statistics need none of their own
  this->param_.add_loss_weight(1);
  EXPECT_FATAL(this->MakeLayer(), "the second top holds statistics");
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestWrongAnnealing) {
  this->margin()->set_start_m2(0.1);
  EXPECT_FATAL(this->MakeLayer(), "anneal_iter is 0");
  this->margin()->set_anneal_iter(10);
  this->MakeLayer();
  this->margin()->set_start_m1(-1);
  EXPECT_FATAL(this->MakeLayer(), "start_m1 must be above 0");
  this->margin()->clear_start_m1();
  this->margin()->set_start_scale(0);
  EXPECT_FATAL(this->MakeLayer(), "scale and start_scale must be above 0");
  this->margin()->clear_start_scale();
  this->margin()->set_unconditional(false);
  EXPECT_FATAL(this->MakeLayer(), "unconditional: false is for a margin m3");
  this->margin()->clear_start_m2();
  this->MakeLayer();
  this->SetMargin(2, 0, 0.25);
  EXPECT_FATAL(this->MakeLayer(), "unconditional: false is for a margin m3");
  this->SetMargin(1, 0.5, 0.25);
  EXPECT_FATAL(this->MakeLayer(), "unconditional: false is for a margin m3");
  this->margin()->clear_unconditional();
  this->margin()->set_base(-1);
  EXPECT_FATAL(this->MakeLayer(), "none but power negative");
  this->margin()->clear_base();
  this->margin()->set_lambda_min(5);
  EXPECT_FATAL(this->MakeLayer(), "base is 0");
  this->margin()->set_base(1);
  this->MakeLayer();
  this->param_.add_param();
  this->param_.add_param()->set_lr_mult(1);
  EXPECT_FATAL(this->MakeLayer(), "the count of training passes");
}

TYPED_TEST(MarginSoftmaxLossLayerTest, TestMoreThanKernelsGoOver) {
  typedef typename TypeParam::Dtype Dtype;
  const int edge = kEdgeOfKernels;
  this->label_.Reshape({1});
  this->feature_.Reshape({1, edge});
  this->margin()->set_num_output(edge);
  shared_ptr<Layer<Dtype> > layer =
      LayerRegistry<Dtype>::CreateLayer(this->param_);
  GiveWeight(edge, edge, layer.get());
  layer->SetUp(this->bottom_, this->top_);
  this->margin()->set_num_output(edge + 1);
  layer = LayerRegistry<Dtype>::CreateLayer(this->param_);
  GiveWeight(edge + 1, edge, layer.get());
  EXPECT_FATAL(layer->SetUp(this->bottom_, this->top_),
      "Layer loss "
      ".MarginSoftmaxLoss.: the weight .* has 32769 x 32768 numbers");
}

}  // namespace caffe
