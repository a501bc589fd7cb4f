// installed by amcaffe
#ifndef CAFFE_TEST_LAYER_TEST_UTIL_HPP_
#define CAFFE_TEST_LAYER_TEST_UTIL_HPP_

#include <regex>  // NOLINT(build/c++11)
#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/net.hpp"
#include "caffe/util/layer_state.hpp"

namespace caffe {

/// Reshapes a blob and gives it these values.
template <typename Dtype>
void SetBlob(const vector<int>& shape, const vector<double>& values,
    Blob<Dtype>* blob) {
  blob->Reshape(shape);
  CHECK_EQ(blob->count(), static_cast<int>(values.size()));
  for (int i = 0; i < blob->count(); ++i) {
    blob->mutable_cpu_data()[i] = values[i];
  }
}

/// As many rows of as many numbers as Caffe's kernels go over: no memory is
/// taken for them, as a blob takes it when it is read or written.
const int kEdgeOfKernels = 1 << 15;

/// Gives a layer the weight that it would else make, and fill.
template <typename Dtype>
void GiveWeight(const int rows, const int columns, Layer<Dtype>* layer) {
  layer->blobs().assign(1,
      shared_ptr<Blob<Dtype> >(new Blob<Dtype>({rows, columns})));
}

/// The largest error that rounding explains, for values of about 1.
template <typename Dtype>
Dtype Tolerance() {
  return sizeof(Dtype) == sizeof(float) ? Dtype(2e-6) : Dtype(1e-11);
}

template <typename Dtype>
void ExpectNear(const vector<double>& expected, const Dtype* found,
    const Dtype tolerance = Tolerance<Dtype>()) {
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(expected[i], found[i], tolerance) << "at element " << i;
  }
}

/// Runs a layer backward from these gradients of its first top to its first
/// bottom.
template <typename Dtype>
void BackwardFrom(const vector<double>& top_diff,
    const vector<Blob<Dtype>*>& top, const vector<Blob<Dtype>*>& bottom,
    Layer<Dtype>* layer) {
  CHECK_EQ(top[0]->count(), static_cast<int>(top_diff.size()));
  for (int i = 0; i < top[0]->count(); ++i) {
    top[0]->mutable_cpu_diff()[i] = top_diff[i];
  }
  vector<bool> propagate_down(bottom.size(), false);
  propagate_down[0] = true;
  layer->Backward(top, propagate_down, bottom);
}

#ifdef CAFFE_UTIL_FATAL_ERROR_HPP_

/// Whether work fails a CHECK, with a message that has this (an extended
/// regular expression) in it.
template <typename Work>
::testing::AssertionResult FailsWith(const string& pattern, const Work& work) {
  FatalAsException exceptions;
  try {
    work();
  } catch (const FatalError& error) {
    if (std::regex_search(string(error.what()),
            std::regex(pattern, std::regex::extended))) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure()
        << "what was said: " << error.what() << "\nwhat was to be: " << pattern;
  }
  return ::testing::AssertionFailure() << "nothing failed, with " << pattern;
}

/// EXPECT_DEATH without a process that dies: a child that is forked once CUDA
/// is in use cannot use it. So what the statement has done remains.
#define EXPECT_FATAL(statement, pattern) \
  EXPECT_TRUE(FailsWith(pattern, [&]() { statement; }))

#else  // a tree that was not to have fatal errors as exceptions

/// EXPECT_DEATH in a process that is started anew, and not forked: a child that
/// is forked once CUDA is in use cannot use it.
#define EXPECT_FATAL(statement, pattern) \
  do { \
    ::testing::FLAGS_gtest_death_test_style = "threadsafe"; \
    EXPECT_DEATH(statement, pattern); \
  } while (false)

#endif  // CAFFE_UTIL_FATAL_ERROR_HPP_

template <typename Dtype>
vector<double> DataOf(const Blob<Dtype>& blob) {
  return vector<double>(blob.cpu_data(), blob.cpu_data() + blob.count());
}

template <typename Dtype>
vector<double> DiffOf(const Blob<Dtype>& blob) {
  return vector<double>(blob.cpu_diff(), blob.cpu_diff() + blob.count());
}

/// A layer with a margin takes the first top in place of the first bottom:
/// outputs and gradients must be those of separate blobs.
template <typename Dtype>
void ExpectSameInPlace(const LayerParameter& param,
    const vector<Blob<Dtype>*>& bottom, const vector<double>& top_diff) {
  Blob<Dtype> top;
  const vector<Blob<Dtype>*> separate(1, &top);
  shared_ptr<Layer<Dtype> > layer = LayerRegistry<Dtype>::CreateLayer(param);
  layer->SetUp(bottom, separate);
  layer->Forward(bottom, separate);
  const vector<double> data = DataOf(top);
  BackwardFrom(top_diff, separate, bottom, layer.get());
  const vector<double> diff = DiffOf(*bottom[0]);

  const vector<Blob<Dtype>*> in_place(1, bottom[0]);
  layer = LayerRegistry<Dtype>::CreateLayer(param);
  layer->SetUp(bottom, in_place);
  layer->Forward(bottom, in_place);
  ExpectNear(data, bottom[0]->cpu_data());
  BackwardFrom(top_diff, in_place, bottom, layer.get());
  ExpectNear(diff, bottom[0]->cpu_diff());
}

/// Runs a net of this text forward in training, saves it after 3 passes, and
/// goes on for 2, with it and with one that was restored from what was saved: their
/// blobs of this name must be the same, to the last bit, and not those of the
/// first pass.
template <typename Dtype>
void ExpectResumesExactly(const string& text, const string& blob) {
  NetParameter param;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &param));
  param.mutable_state()->set_phase(TRAIN);
  Net<Dtype> straight(param);
  straight.Forward();
  const vector<double> first = DataOf(*straight.blob_by_name(blob));
  straight.Forward();
  straight.Forward();
  NetParameter saved;
  straight.ToProto(&saved);
  Net<Dtype> resumed(param);
  {
    const RestoringState restoring;
    resumed.CopyTrainedLayersFrom(saved);
  }
  for (int i = 0; i < 2; ++i) {
    straight.Forward();
    resumed.Forward();
    EXPECT_EQ(DataOf(*straight.blob_by_name(blob)),
        DataOf(*resumed.blob_by_name(blob)));
    EXPECT_NE(first, DataOf(*resumed.blob_by_name(blob)));
  }
}

}  // namespace caffe

#endif  // CAFFE_TEST_LAYER_TEST_UTIL_HPP_
