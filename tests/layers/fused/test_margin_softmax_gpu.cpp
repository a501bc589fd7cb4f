// installed by amcaffe
#ifndef CPU_ONLY

#include <algorithm>
#include <cmath>
#include <random>  // NOLINT(build/c++11)
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/margin_softmax_gpu.hpp"
#include "caffe/layers/margin_softmax_loss_layer.hpp"
#include "caffe/util/math_functions.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"

namespace caffe {

/// One shape, its random numbers and its options.
struct MarginSoftmaxCase {
  int rows, dim, classes;
  const char* options;  ///< of margin_softmax_loss_param
};

template <typename Dtype>
class GPUMarginSoftmaxTest : public GPUDeviceTest<Dtype> {
 protected:
  struct Result { vector<double> tops, feature_diff, weight_diff; };

  /// One pass forward and two backward, of which the second one counts.
  Result Run(const Caffe::Brew mode, const MarginSoftmaxCase& shape) {
    Caffe::set_mode(mode);
    Caffe::set_random_seed(1701);
    LayerParameter param;
    CHECK(google::protobuf::TextFormat::ParseFromString(
        string(
            "name: 'loss' "
            "type: 'MarginSoftmaxLoss' phase: TRAIN margin_softmax_loss_param { "
            "weight_filler { type: 'constant' } ") +
            shape.options + " }",
        &param));
    param.mutable_margin_softmax_loss_param()->set_num_output(shape.classes);
    std::mt19937 random(shape.rows * 31 + shape.classes);
    std::normal_distribution<double> normal;
    Blob<Dtype> feature({shape.rows, shape.dim}), label({shape.rows});
    Blob<Dtype> loss, statistics;
    for (int i = 0; i < feature.count(); ++i) {
      feature.mutable_cpu_data()[i] = normal(random);
    }
    for (int i = 0; i < shape.rows; ++i) {
      // Some rows are ignored.
      label.mutable_cpu_data()[i] =
          i % 5 == 3 ? -1. : static_cast<double>(random() % shape.classes);
    }
    const vector<Blob<Dtype>*> bottom = {&feature, &label};
    const vector<Blob<Dtype>*> top = {&loss, &statistics};
    MarginSoftmaxLossLayer<Dtype> layer(param);
    layer.SetUp(bottom, top);
    Blob<Dtype>* weight = layer.blobs()[0].get();
    for (int i = 0; i < weight->count(); ++i) {
      weight->mutable_cpu_data()[i] = normal(random);
    }
    layer.Forward(bottom, top);
    Result result;
    result.tops = {loss.cpu_data()[0], statistics.cpu_data()[0],
        statistics.cpu_data()[1], statistics.cpu_data()[2]};
    loss.mutable_cpu_diff()[0] = 2;
    layer.Backward(top, {true, false}, bottom);
    caffe_set(weight->count(), Dtype(0.25), weight->mutable_cpu_diff());
    layer.Backward(top, {true, false}, bottom);
    result.feature_diff = DiffOf(feature);
    result.weight_diff = DiffOf(*weight);
    return result;
  }

  static void ExpectClose(const vector<double>& expected,
      const vector<double>& found) {
    double largest = 1e-3;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (!std::isinf(expected[i])) {
        largest = std::max(largest, std::abs(expected[i]));
      }
    }
    const double tolerance = sizeof(Dtype) == sizeof(float) ? 1e-5 : 1e-13;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (std::isinf(expected[i])) {
        EXPECT_EQ(expected[i], found[i]) << "at element " << i;
      } else {
        EXPECT_NEAR(expected[i], found[i], tolerance * largest)
            << "at element " << i;
      }
    }
  }

  void ExpectAsOnCPU(const MarginSoftmaxCase& shape) {
    SCOPED_TRACE(testing::Message()
        << shape.rows << " x " << shape.dim << ", " << shape.classes
        << " classes, " << shape.options);
    const Result cpu = Run(Caffe::CPU, shape);
    const Result gpu = Run(Caffe::GPU, shape);
    ExpectClose(cpu.tops, gpu.tops);
    if (shape.dim == 1) { return; }  // gradients of 0, but for rounding
    ExpectClose(cpu.feature_diff, gpu.feature_diff);
    ExpectClose(cpu.weight_diff, gpu.weight_diff);
  }
};

TYPED_TEST_CASE(GPUMarginSoftmaxTest, TestDtypes);

TYPED_TEST(GPUMarginSoftmaxTest, TestShapes) {
  const int rows[] = {1, 2, 3, 5, 9, 33};
  const int dims[] = {1, 2, 3, 4, 8, 33};
  const int classes[] = {2, 3, 4, 65, 131, 260};
  for (int k = 0; k < 18; ++k) {
    this->ExpectAsOnCPU({rows[k % 6], dims[(k + k / 6) % 6],
        classes[(k + 2 * (k / 6)) % 6], ""});
  }
  this->ExpectAsOnCPU({3, 4, 1, ""});
}

TYPED_TEST(GPUMarginSoftmaxTest, TestMargins) {
  this->ExpectAsOnCPU({7, 5, 30, "m1: 1 m2: 0.5 m3: 0"});
  this->ExpectAsOnCPU({7, 5, 30, "m1: 4 m2: 0 m3: 0 bound: MONOTONE"});
  this->ExpectAsOnCPU({7, 5, 30, "m1: 1.1 m2: 0.2 m3: 0.1 scale: 64"});
}

TYPED_TEST(GPUMarginSoftmaxTest, TestFeatureLengths) {
  this->ExpectAsOnCPU({7, 5, 30, "normalize_feature: false scale: 3"});
  this->ExpectAsOnCPU({2, 4, 300, "normalize_feature: false scale: 3"});
}

TYPED_TEST(GPUMarginSoftmaxTest, TestSampledClasses) {
  this->ExpectAsOnCPU({7, 5, 50, "sample_rate: 0.5"});
  this->ExpectAsOnCPU({6, 8, 300, "sample_rate: 0.1 memory_mb: 0"});
  this->ExpectAsOnCPU({9, 3, 100, "sample_rate: 0.001"});
}

// A row of 2100 cosines is more than a block of threads takes, in double.
TYPED_TEST(GPUMarginSoftmaxTest, TestSeveralChunks) {
  this->ExpectAsOnCPU({2, 2, sizeof(TypeParam) == 4 ? 4200 : 2100,
      "normalize_feature: false scale: 3"});
}

TYPED_TEST(GPUMarginSoftmaxTest, TestEveryRunGivesTheSameBits) {
  const char* const options[] = {"", "sample_rate: 0.25",
      "memory_mb: 0 normalize_feature: false scale: 4"};
  for (int k = 0; k < 3; ++k) {
    const MarginSoftmaxCase shape = {37, 12, 301, options[k]};
    const typename TestFixture::Result first = this->Run(Caffe::GPU, shape);
    const typename TestFixture::Result second = this->Run(Caffe::GPU, shape);
    EXPECT_EQ(first.tops, second.tops);
    EXPECT_EQ(first.feature_diff, second.feature_diff);
    EXPECT_EQ(first.weight_diff, second.weight_diff);
  }
}

// In one block, in blocks of 64 classes, and these kept or computed again.
TYPED_TEST(GPUMarginSoftmaxTest, TestBlocks) {
  typedef TypeParam Dtype;
  const int rows = 5, dim = 4, classes = 150;
  Blob<Dtype> unit({rows, dim}), norm({rows}), weight({classes, dim});
  Blob<int> target({rows});
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  Caffe::set_mode(Caffe::CPU);
  for (int i = 0; i < unit.count(); ++i) {
    unit.mutable_cpu_data()[i] = normal(random) / 2;
  }
  for (int i = 0; i < weight.count(); ++i) {
    weight.mutable_cpu_data()[i] = normal(random);
  }
  const int targets[rows] = {0, 63, -1, 64, 149};
  for (int i = 0; i < rows; ++i) {
    target.mutable_cpu_data()[i] = targets[i];
    norm.mutable_cpu_data()[i] = 1 + i;
  }
  Caffe::set_mode(Caffe::GPU);
  const margin::LossMargin<Dtype> psi = {
      {1, 0, Dtype(0.25), margin::CLAMP}, true, 0};
  const size_t block_bytes[] = {1 << 20, 1, 1};
  const size_t keep_bytes[] = {1 << 20, 1 << 20, 0};
  vector<double> expected[4];
  for (int k = 0; k < 3; ++k) {
    Blob<Dtype> tops({4});
    norm.mutable_cpu_diff();
    caffe_set(weight.count(), Dtype(0), weight.mutable_cpu_diff());
    tops.mutable_cpu_diff()[0] = 1;
    GpuMarginSoftmax<Dtype> softmax(block_bytes[k]);
    softmax.Reshape(rows, dim, classes, NULL, keep_bytes[k]);
    const MarginBatch<Dtype> batch = {unit.gpu_data(), norm.gpu_data(),
        weight.gpu_data(), target.gpu_data(), 8};
    softmax.Forward(batch, psi, 0, tops.mutable_gpu_data(),
        tops.mutable_gpu_data() + 1);
    const MarginGradients<Dtype> gradients = {unit.mutable_gpu_diff(),
        norm.mutable_gpu_diff(), weight.mutable_gpu_diff()};
    softmax.Backward(batch, tops.gpu_diff(), gradients);
    const vector<double> found[4] = {
        DataOf(tops), DiffOf(unit), DiffOf(norm), DiffOf(weight)};
    for (int part = 0; part < 4; ++part) {
      if (k == 0) { expected[part] = found[part]; }
      this->ExpectClose(expected[part], found[part]);
    }
  }
}

}  // namespace caffe

#endif  // !CPU_ONLY
