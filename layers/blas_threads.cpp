// installed by amcaffe
#include <algorithm>
#include <mutex>  // NOLINT(build/c++11)

#include "caffe/util/blas_threads.hpp"

// Weak, as a tree may be linked to any BLAS: null where that is another one.
extern "C" {
int openblas_get_num_threads(void) __attribute__((weak));
void openblas_set_num_threads(int) __attribute__((weak));
int MKL_Get_Max_Threads(void) __attribute__((weak));
int MKL_Set_Num_Threads_Local(int) __attribute__((weak));
}

namespace caffe {

namespace {

// OpenBLAS has one number for all threads (or, built with OpenMP, for each): the
// first that asks for a serial BLAS keeps it, and the last puts it back.
std::mutex mutex;
int users = 0;
int threads_before = 1;

}  // namespace

int BlasThreads() {
  if (openblas_get_num_threads) {
    std::lock_guard<std::mutex> lock(mutex);
    return std::max(1, users > 0 ? threads_before
        : openblas_get_num_threads());
  }
  return MKL_Get_Max_Threads ? std::max(1, MKL_Get_Max_Threads()) : 1;
}

SerialBlas::SerialBlas() {
  if (openblas_set_num_threads && openblas_get_num_threads) {
    std::lock_guard<std::mutex> lock(mutex);
    if (users++ == 0) { threads_before = openblas_get_num_threads(); }
    openblas_set_num_threads(1);
  } else if (MKL_Set_Num_Threads_Local) {
    MKL_Set_Num_Threads_Local(1);
  }
}

SerialBlas::~SerialBlas() {
  if (openblas_set_num_threads && openblas_get_num_threads) {
    std::lock_guard<std::mutex> lock(mutex);
    if (--users == 0) { openblas_set_num_threads(threads_before); }
  } else if (MKL_Set_Num_Threads_Local) {
    MKL_Set_Num_Threads_Local(0);
  }
}

}  // namespace caffe
