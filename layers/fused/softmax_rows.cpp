// installed by amcaffe
#include <cstring>
#include <limits>
#include <vector>

#include "caffe/layers/softmax_rows.hpp"

namespace caffe {

namespace {

// The plain one: whatever the compiler's flags allow anyway.
#define SOFTMAX_ROWS_ISA plain
#define SOFTMAX_ROWS_BYTES 16
#include "caffe/layers/softmax_rows_simd.hpp"
#undef SOFTMAX_ROWS_ISA
#undef SOFTMAX_ROWS_BYTES

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define SOFTMAX_ROWS_ISA avx2
#define SOFTMAX_ROWS_BYTES 32
#include "caffe/layers/softmax_rows_simd.hpp"
#undef SOFTMAX_ROWS_ISA
#undef SOFTMAX_ROWS_BYTES
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512dq,avx512vl,fma"))), \
    apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,fma")
#endif
#define SOFTMAX_ROWS_ISA avx512
#define SOFTMAX_ROWS_BYTES 64
#include "caffe/layers/softmax_rows_simd.hpp"
#undef SOFTMAX_ROWS_ISA
#undef SOFTMAX_ROWS_BYTES
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // defined(__x86_64__)

}  // namespace

template <typename Dtype>
std::vector<const SoftmaxRows<Dtype>*> AllSoftmaxRows() {
  std::vector<const SoftmaxRows<Dtype>*> all(1, &plain::Rows<Dtype>("plain"));
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    all.push_back(&avx2::Rows<Dtype>("AVX2"));
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
    all.push_back(&avx512::Rows<Dtype>("AVX-512"));
  }
#endif
  return all;
}

template <typename Dtype>
const SoftmaxRows<Dtype>& BestSoftmaxRows() {
  static const SoftmaxRows<Dtype>& best = *AllSoftmaxRows<Dtype>().back();
  return best;
}

#define INSTANTIATE_SOFTMAX_ROWS(Dtype) \
  template const SoftmaxRows<Dtype>& BestSoftmaxRows<Dtype>(); \
  template std::vector<const SoftmaxRows<Dtype>*> AllSoftmaxRows<Dtype>()

INSTANTIATE_SOFTMAX_ROWS(float);
INSTANTIATE_SOFTMAX_ROWS(double);

}  // namespace caffe
