// installed by amcaffe
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/common.hpp"
#include "caffe/layers/margin_math.hpp"

#include "caffe/test/test_caffe_main.hpp"

namespace caffe {

template <typename Dtype>
class LogSumTest : public ::testing::Test {
 protected:
  typedef margin::LogSum<Dtype> Sum;

  LogSumTest() : scale_(64) {
    for (int j = 0; j < 40; ++j) { cosine_.push_back(std::sin(7. * j)); }
  }

  static Sum None() {
    const Sum none = {-std::numeric_limits<Dtype>::infinity(), 0, 0};
    return none;
  }

  // Classes begin to end, one after the other.
  Sum Part(const int begin, const int end) const {
    Sum sum = None();
    for (int j = begin; j < end; ++j) {
      const Sum one = {cosine_[j], 1, cosine_[j]};
      sum = margin::Merge(sum, one, scale_);
    }
    return sum;
  }

  static double Close() { return sizeof(Dtype) == 4 ? 1e-5 : 1e-13; }

  void ExpectWhole(const Sum& found) const {
    double best = -1, sum = 0, along = 0;
    for (const Dtype x : cosine_) { best = std::max<double>(best, x); }
    for (const Dtype x : cosine_) {
      sum += std::exp(scale_ * (x - best));
      along += std::exp(scale_ * (x - best)) * x;
    }
    EXPECT_EQ(best, found.best);
    EXPECT_NEAR(1, found.sum / sum, Close());
    EXPECT_NEAR(1, found.along / along, Close());
  }

  const Dtype scale_;
  vector<Dtype> cosine_;
};

TYPED_TEST_CASE(LogSumTest, TestDtypes);

TYPED_TEST(LogSumTest, TestARowInPartsIsTheRow) {
  this->ExpectWhole(this->Part(0, 40));
  for (int cut = 0; cut <= 40; ++cut) {
    this->ExpectWhole(
        margin::Merge(this->Part(0, cut), this->Part(cut, 40), this->scale_));
    this->ExpectWhole(
        margin::Merge(this->Part(cut, 40), this->Part(0, cut), this->scale_));
  }
}

TYPED_TEST(LogSumTest, TestNoClassAndAClassThatIsNoNumber) {
  const margin::LogSum<TypeParam> none = this->None();
  EXPECT_EQ(0, margin::Merge(none, none, this->scale_).sum);
  // A feature of length 0 has the scale 0.
  const margin::LogSum<TypeParam> some = this->Part(0, 3);
  EXPECT_EQ(some.sum, margin::Merge(none, some, TypeParam(0)).sum);
  EXPECT_EQ(some.sum, margin::Merge(some, none, TypeParam(0)).sum);
  const TypeParam nan = std::numeric_limits<TypeParam>::quiet_NaN();
  const margin::LogSum<TypeParam> lost = {none.best, nan, nan};
  EXPECT_TRUE(
      std::isnan(margin::Merge(this->Part(0, 3), lost, this->scale_).sum));
  EXPECT_TRUE(std::isnan(margin::Merge(lost, none, this->scale_).sum));
}

TYPED_TEST(LogSumTest, TestTheLoss) {
  const margin::LogSum<TypeParam> others = this->Part(0, 40);
  double sum = 0;
  for (const TypeParam x : this->cosine_) {
    sum += std::exp(this->scale_ * static_cast<double>(x));
  }
  // Behind the others and ahead of them, and where p is almost 1.
  const double targets[] = {-1, 0.5, 0.99, 1.1, 2};
  for (const double target : targets) {
    const margin::TargetLoss<TypeParam> found =
        margin::SoftmaxLoss<TypeParam>(target, others, this->scale_);
    const double odds =
        sum / std::exp(this->scale_ * static_cast<double>(TypeParam(target)));
    EXPECT_NEAR(1, found.loss / std::log1p(odds), 1e2 * this->Close());
    EXPECT_NEAR(1, found.rest / (odds / (1 + odds)), 1e2 * this->Close());
  }
  // A row of one class, whatever its scale.
  for (const TypeParam scale : {TypeParam(0), this->scale_}) {
    EXPECT_EQ(0, margin::SoftmaxLoss<TypeParam>(0.5, this->None(), scale).loss);
    EXPECT_EQ(0, margin::SoftmaxLoss<TypeParam>(0.5, this->None(), scale).rest);
  }
}

}  // namespace caffe
