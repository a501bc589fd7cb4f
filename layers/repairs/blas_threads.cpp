// installed by amcaffe
#include <algorithm>
#include <mutex>  // NOLINT(build/c++11)

#include "caffe/util/blas_threads.hpp"

// Weak, as a tree may be linked to any BLAS: null where that is another one.
extern "C" {
int openblas_get_parallel(void) __attribute__((weak));
int openblas_get_num_threads(void) __attribute__((weak));
void openblas_set_num_threads(int) __attribute__((weak));
int MKL_Get_Max_Threads(void) __attribute__((weak));
int MKL_Set_Num_Threads_Local(int) __attribute__((weak));
}

namespace caffe {

namespace {

enum Kind {
  UNKNOWN,
  MKL,  // a number for each thread
  OPENBLAS_OPENMP,  // OpenMP's, for each thread
  OPENBLAS  // one number for all threads
};

Kind LinkedBlas() {
  if (openblas_get_parallel && openblas_get_num_threads &&
      openblas_set_num_threads) {
    return openblas_get_parallel() == 2 ? OPENBLAS_OPENMP : OPENBLAS;
  }
  return MKL_Get_Max_Threads && MKL_Set_Num_Threads_Local ? MKL : UNKNOWN;
}

// Of the one number for all threads: the first that asks for a serial BLAS
// keeps it, and the last puts it back.
std::mutex mutex;
int users = 0;
int threads_before = 1;

}  // namespace

int BlasThreads() {
  switch (LinkedBlas()) {
    case MKL:
      return std::max(1, MKL_Get_Max_Threads());
    case OPENBLAS_OPENMP:
      return std::max(1, openblas_get_num_threads());
    case OPENBLAS: {
      std::lock_guard<std::mutex> lock(mutex);
      return std::max(1,
          users > 0 ? threads_before : openblas_get_num_threads());
    }
    default:
      return 1;
  }
}

SerialBlas::SerialBlas() : before_(0) {
  switch (LinkedBlas()) {
    case MKL:
      before_ = MKL_Set_Num_Threads_Local(1);
      break;
    case OPENBLAS_OPENMP:
      before_ = openblas_get_num_threads();
      openblas_set_num_threads(1);
      break;
    case OPENBLAS: {
      std::lock_guard<std::mutex> lock(mutex);
      if (users++ == 0) {
        threads_before = openblas_get_num_threads();
        openblas_set_num_threads(1);
      }
      break;
    }
    default:
      break;
  }
}

SerialBlas::~SerialBlas() {
  switch (LinkedBlas()) {
    case MKL:
      MKL_Set_Num_Threads_Local(before_);
      break;
    case OPENBLAS_OPENMP:
      openblas_set_num_threads(before_);
      break;
    case OPENBLAS: {
      std::lock_guard<std::mutex> lock(mutex);
      if (--users == 0) { openblas_set_num_threads(threads_before); }
      break;
    }
    default:
      break;
  }
}

}  // namespace caffe
