// installed by amcaffe
#include <boost/thread.hpp>

#include <string>

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/util/fatal_error.hpp"
#include "gtest/gtest.h"

namespace caffe {

static string WhatOf(void (*fail)()) {
  FatalAsException exceptions;
  try {
    fail();
  } catch (const FatalError& error) { return error.what(); }
  return "nothing was thrown";
}

static void FailCheck() { CHECK(1 > 2) << "sentence"; }
static void FailComparison() { CHECK_EQ(1, 2) << "sentence"; }
static void FailLog() { LOG(FATAL) << "sentence"; }
static void FailStrings() { CHECK_STREQ("a", "b") << "sentence"; }
static void FailNotNull() {
  int* null = NULL;
  CHECK_NOTNULL(null);
}

TEST(FatalErrorTest, WhatGlogWouldPrintIsThrown) {
  const string file = "test_fatal_error.cpp:";
  EXPECT_EQ(WhatOf(&FailCheck).find(file), 0);
  EXPECT_NE(WhatOf(&FailCheck).find(": Check failed: 1 > 2 sentence"),
      string::npos);
  EXPECT_NE(WhatOf(&FailComparison).find("Check failed: 1 == 2 (1 vs. 2) sen"),
      string::npos);
  EXPECT_NE(WhatOf(&FailLog).find(": sentence"), string::npos);
  EXPECT_NE(WhatOf(&FailStrings).find("sentence"), string::npos);
  EXPECT_NE(WhatOf(&FailNotNull).find("'null' Must be non NULL"), string::npos);
}

TEST(FatalErrorTest, LibcaffesOwnChecksAreThrown) {
  Blob<float> blob(1, 2, 3, 4);
  FatalAsException exceptions;
  EXPECT_THROW(blob.Reshape(-1, 2, 3, 4), FatalError);
}

TEST(FatalErrorTest, ChecksThatHoldDoNothingAndValuesPass) {
  FatalAsException exceptions;
  CHECK_EQ(2, 2) << "unused";
  int value = 3;
  EXPECT_EQ(*CHECK_NOTNULL(&value), 3);
}

TEST(FatalErrorTest, WithoutARequestTheProcessEnds) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(FailComparison(), "Check failed: 1 == 2 \\(1 vs. 2\\) sentence");
  {
    FatalAsException outer;
    FatalAsException inner;
  }
  EXPECT_DEATH(FailLog(), "sentence");
}

TEST(FatalErrorTest, AThreadThatDidNotAskEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        FatalAsException exceptions;
        boost::thread(&FailLog).join();
      },
      "sentence");
}

struct FailsWhenDestroyed {
  ~FailsWhenDestroyed() noexcept(false) { FailLog(); }
};

TEST(FatalErrorTest, AFailureDuringAnExceptionEndsTheProcessWithItsMessage) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        FatalAsException exceptions;
        try {
          FailsWhenDestroyed value;
          FailCheck();
        } catch (const FatalError&) {}
      },
      "sentence");
}

}  // namespace caffe
