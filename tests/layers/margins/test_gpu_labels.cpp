// installed by amcaffe
#ifndef CPU_ONLY

#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/label_check.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"

namespace caffe {

/// Labels that are in the memory of the GPU alone, as a data layer brings them.
template <typename Dtype>
class GPULabelCheckTest : public GPUDeviceTest<Dtype> {
 protected:
  GPULabelCheckTest() {
    param_.set_name("margin");
    param_.set_type("CombinedMargin");
  }

  void Check(const vector<double>& labels, const int classes) {
    SetBlob({static_cast<int>(labels.size())}, labels, &label_);
    label_.mutable_gpu_data();
    check_.Check<Dtype>(param_, classes, label_);
    CUDA_CHECK(cudaDeviceSynchronize());
  }

  LayerParameter param_;
  Blob<Dtype> label_;
  LabelCheck check_;
};

TYPED_TEST_CASE(GPULabelCheckTest, TestDtypes);

TYPED_TEST(GPULabelCheckTest, TestGoodLabelsAreNotReported) {
  this->check_.Report();
  this->Check({0, 2, -1, -7, 1}, 3);
  this->check_.Report();
}

TYPED_TEST(GPULabelCheckTest, TestTheFirstBadLabelIsReportedLater) {
  this->Check({0, 2, -1, 3, 0.5}, 3);
  EXPECT_FATAL(this->check_.Report(), "Layer margin .CombinedMargin.: row 3 of "
      "the batch has label 3, but with C = 3 classes .* an earlier pass");
}

TYPED_TEST(GPULabelCheckTest, TestEveryKindOfBadLabel) {
  const double bad[] = {3, 1e9, 0.5, -0.5, INFINITY, -INFINITY, NAN};
  const char* const text[] = {"3", "1e.09", "0.5", "-0.5", "inf", "-inf",
      "-?nan"};
  for (int i = 0; i < 7; ++i) {
    EXPECT_FATAL({
      this->Check({1, bad[i]}, 3);
      this->check_.Report();
    }, string("row 1 of the batch has label ") + text[i]);
  }
}

TYPED_TEST(GPULabelCheckTest, TestTheFirstBadBatchIsKept) {
  this->Check({0, 9}, 3);
  this->Check({7, 8}, 3);
  this->Check({0, 1}, 3);
  EXPECT_FATAL(this->check_.Report(), "row 1 of the batch has label 9");
}

TYPED_TEST(GPULabelCheckTest, TestManyRows) {
  vector<double> labels(5000, 1);
  labels[1023] = labels[4097] = 4;
  this->Check(labels, 4);
  EXPECT_FATAL(this->check_.Report(), "row 1023 of the batch has label 4");
}

TYPED_TEST(GPULabelCheckTest, TestAnIgnoredLabelMayBeAnyNumber) {
  SetBlob({3}, {0, 255, 1}, &this->label_);
  this->label_.mutable_gpu_data();
  this->check_.template Check<TypeParam>(this->param_, 2, this->label_, 255);
  CUDA_CHECK(cudaDeviceSynchronize());
  this->check_.Report();
}

TYPED_TEST(GPULabelCheckTest, TestLabelsOnTheHostAreCheckedAtOnce) {
  SetBlob({2}, {0, 5}, &this->label_);
  EXPECT_FATAL(
      this->check_.template Check<TypeParam>(this->param_, 3, this->label_),
      "row 1 of the batch has label 5");
}

TYPED_TEST(GPULabelCheckTest, TestTheDestructorTellsWhatWasNotReported) {
  testing::internal::CaptureStderr();
  {
    LabelCheck unread;
    SetBlob({2}, {0, 5}, &this->label_);
    this->label_.mutable_gpu_data();
    unread.Check<TypeParam>(this->param_, 3, this->label_);
  }
  google::FlushLogFiles(google::INFO);
  // Caffe's gtest has a string of its own.
  const string log = testing::internal::GetCapturedStderr().c_str();
  EXPECT_NE(string::npos, log.find("row 1 of the batch has label 5"));
}

#ifdef CUDA_EMULATION_CUDA_RUNTIME_H_
// The driver may be gone before the last layer is, and its memory with it.
TYPED_TEST(GPULabelCheckTest, TestNothingIsReadOfALostDevice) {
  testing::internal::CaptureStderr();
  {
    LabelCheck unread;
    SetBlob({2}, {0, 5}, &this->label_);
    this->label_.mutable_gpu_data();
    unread.Check<TypeParam>(this->param_, 3, this->label_);
    cuda_emulation::LoseDevice(true);
  }
  cuda_emulation::LoseDevice(false);
  google::FlushLogFiles(google::INFO);
  const string log = testing::internal::GetCapturedStderr().c_str();
  EXPECT_EQ(string::npos, log.find("row 1 of the batch")) << log;
}
#endif  // CUDA_EMULATION_CUDA_RUNTIME_H_

}  // namespace caffe

#endif  // !CPU_ONLY
