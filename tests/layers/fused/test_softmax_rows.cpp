// installed by amcaffe
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/common.hpp"
#include "caffe/layers/softmax_rows.hpp"

#include "caffe/test/test_caffe_main.hpp"

namespace caffe {

template <typename Dtype>
class SoftmaxRowsTest : public ::testing::Test {
 protected:
  // The distance to what it should be, in units of its last place.
  static double Ulps(const Dtype expected, const Dtype found) {
    if (expected == found || (std::isnan(expected) && std::isnan(found))) {
      return 0;
    }
    const Dtype next = std::nextafter(std::fabs(expected),
        std::numeric_limits<Dtype>::infinity());
    return std::fabs((found - expected) / (next - std::fabs(expected)));
  }
};

TYPED_TEST_CASE(SoftmaxRowsTest, TestDtypes);

// Over the whole range: normal results, denormal ones, 0 and infinity.
TYPED_TEST(SoftmaxRowsTest, TestExpInEveryInstructionSet) {
  const TypeParam lowest = sizeof(TypeParam) == 4 ? -106 : -750;
  const TypeParam highest = sizeof(TypeParam) == 4 ? 90 : 712;
  for (const SoftmaxRows<TypeParam>* rows : AllSoftmaxRows<TypeParam>()) {
    for (int i = 0; i <= 20000; ++i) {
      const TypeParam x = lowest + (highest - lowest) * i / 20000;
      ASSERT_LE(this->Ulps(std::exp(x), rows->sum_exp(1, 1, 0, &x)), 2)
          << rows->name << " at " << x;
      // As the first of a whole vector, too.
      vector<TypeParam> many(16, -std::numeric_limits<TypeParam>::infinity());
      many[0] = x;
      ASSERT_LE(this->Ulps(std::exp(x), rows->sum_exp(16, 1, 0, many.data())),
          2) << rows->name << " at " << x;
    }
  }
}

// Every length has its own tail, and every kind of number goes everywhere.
TYPED_TEST(SoftmaxRowsTest, TestSameAsPlainLoops) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  const TypeParam odd[] = {
    std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity,
    TypeParam(-0.0), 1000, -1000 };
  for (const SoftmaxRows<TypeParam>* rows : AllSoftmaxRows<TypeParam>()) {
    for (int n = 0; n < 70; ++n) {
      for (int kind = 0; kind <= 6; ++kind) {
        vector<TypeParam> x(n), factor(n), plain(n), along(n), along_plain(n);
        for (int j = 0; j < n; ++j) {
          x[j] = std::sin(7. * j + n);
          factor[j] = 1 + std::cos(3. * j);
          along[j] = along_plain[j] = j;
        }
        if (n > 0 && kind < 6) { x[(n * 5) % n] = odd[kind]; }
        TypeParam largest = -infinity, sum = 0, total = 0;
        vector<TypeParam> gradient(n), gradient_plain(n);
        for (int j = 0; j < n; ++j) {
          plain[j] = x[j] * factor[j];
          if (plain[j] > largest) { largest = plain[j]; }
        }
        for (int j = 0; j < n; ++j) {
          sum += std::exp(3 * (plain[j] - TypeParam(0.75)));
          const TypeParam p = std::exp(3 * plain[j] - TypeParam(2));
          total += TypeParam(0.5) * p * plain[j];
          gradient_plain[j] = TypeParam(1.5) * p * factor[j];
          along_plain[j] += TypeParam(1.5) * p * plain[j];
        }
        EXPECT_EQ(largest, rows->scale_max(n, factor.data(), x.data()));
        for (int j = 0; j < n; ++j) {
          EXPECT_EQ(0, this->Ulps(plain[j], x[j]));
          EXPECT_EQ(std::signbit(plain[j]), std::signbit(x[j]));
        }
        EXPECT_LE(this->Ulps(sum, rows->sum_exp(n, 3, 0.75, x.data())), 40);
        EXPECT_LE(this->Ulps(total, rows->gradient(n, 3, 2, 0.5, x.data(),
            factor.data(), gradient.data(), along.data())), 400)
            << rows->name << " " << n << " " << kind;
        for (int j = 0; j < n; ++j) {
          // The exponents are up to 8, and rounded once or twice.
          EXPECT_LE(this->Ulps(gradient_plain[j], gradient[j]), 20);
          EXPECT_LE(this->Ulps(along_plain[j], along[j]), 20);
        }
      }
    }
  }
}

}  // namespace caffe
