// installed by amcaffe
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/common.hpp"
#include "caffe/util/cudnn_choice.hpp"
#include "caffe/util/gpu_settings.hpp"

#include "caffe/test/layer_test_util.hpp"

namespace caffe {

/// A finder's result without cuDNN: the algorithm's number, its bytes of
/// workspace, and whether it ran.
struct FakeResult {
  int algo;
  size_t memory;
  bool ran;
};

struct Ran {
  bool operator()(const FakeResult& result) const { return result.ran; }
};

class CudnnChoiceTest : public ::testing::Test {
 protected:
  int Choose(const std::vector<FakeResult>& results, const size_t limit) {
    const int chosen =
        cudnn::ChooseAlgorithm(results.data(), results.size(), limit, Ran());
    return chosen < 0 ? -1 : results[chosen].algo;
  }
};

TEST_F(CudnnChoiceTest, TestTheFastestWithinTheLimitIsTaken) {
  const std::vector<FakeResult> results =
      {{7, 900, true}, {5, 100, true}, {0, 0, true}};
  EXPECT_EQ(Choose(results, 1000), 7);
  EXPECT_EQ(Choose(results, 900), 7);
  EXPECT_EQ(Choose(results, 899), 5);
  EXPECT_EQ(Choose(results, 99), 0);
  EXPECT_EQ(Choose(results, 0), 0);
}

TEST_F(CudnnChoiceTest, TestWhatDidNotRunIsPassedOver) {
  EXPECT_EQ(Choose({{7, 0, false}, {5, 100, true}, {0, 0, true}}, 100), 5);
  EXPECT_EQ(Choose({{7, 0, false}, {5, 100, true}}, 0), 5);
}

TEST_F(CudnnChoiceTest, TestTheLeanestIsTakenWhereNoneIsWithinTheLimit) {
  EXPECT_EQ(Choose({{7, 900, true}, {5, 100, true}, {4, 500, true}}, 10), 5);
}

TEST_F(CudnnChoiceTest, TestNothingUsableIsNoChoice) {
  EXPECT_EQ(Choose({{7, 0, false}}, 100), -1);
  EXPECT_EQ(Choose({}, 100), -1);
}

class GpuSettingsTest : public ::testing::Test {
 protected:
  virtual void SetUp() { Clear(); }
  virtual void TearDown() { Clear(); }
  void Clear() {
    unsetenv("CAFFE_ALLOW_TF32");
    unsetenv("CAFFE_CUDNN_WORKSPACE_MIB");
  }
};

TEST_F(GpuSettingsTest, TestTF32IsOnlyForThoseWhoAsk) {
  EXPECT_FALSE(AllowTF32());
  setenv("CAFFE_ALLOW_TF32", "0", 1);
  EXPECT_FALSE(AllowTF32());
  setenv("CAFFE_ALLOW_TF32", "1", 1);
  EXPECT_TRUE(AllowTF32());
  setenv("CAFFE_ALLOW_TF32", "yes", 1);
  EXPECT_FATAL(AllowTF32(), "CAFFE_ALLOW_TF32 is 'yes', but must be 0 or 1");
}

TEST_F(GpuSettingsTest, TestTheWorkspaceIsTheLayersUnlessTheUserSays) {
  EXPECT_EQ(CudnnWorkspaceLimit(1234), 1234);
  setenv("CAFFE_CUDNN_WORKSPACE_MIB", "256", 1);
  EXPECT_EQ(CudnnWorkspaceLimit(1234), 256 << 20);
  setenv("CAFFE_CUDNN_WORKSPACE_MIB", "0", 1);
  EXPECT_EQ(CudnnWorkspaceLimit(1234), 0);
  setenv("CAFFE_CUDNN_WORKSPACE_MIB", "8MB", 1);
  EXPECT_FATAL(CudnnWorkspaceLimit(1234), "'8MB', but must be a whole number");
  setenv("CAFFE_CUDNN_WORKSPACE_MIB", "-1", 1);
  EXPECT_FATAL(CudnnWorkspaceLimit(1234), "'-1', but must be a whole number");
}

}  // namespace caffe
