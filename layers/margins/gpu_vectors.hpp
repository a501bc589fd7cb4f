// installed by amcaffe
#ifndef CAFFE_GPU_VECTORS_HPP_
#define CAFFE_GPU_VECTORS_HPP_

#ifndef CPU_ONLY

#include <cstdint>

#include "caffe/common.hpp"

namespace caffe {

const int kWarpSize = 32;

/// Elements of Dtype that a thread reads and writes at once: 16 bytes.
template <typename Dtype>
__host__ __device__ constexpr int VectorWidth() {
  return 16 / sizeof(Dtype);
}

template <typename Dtype, int width>
struct alignas(width * sizeof(Dtype)) Vector {
  Dtype at[width];
};

/// `from` must be aligned to the whole vector.
template <int width, typename Dtype>
__device__ inline Vector<Dtype, width> Load(const Dtype* from) {
  return *reinterpret_cast<const Vector<Dtype, width>*>(from);
}

template <typename Dtype, int width>
__device__ inline void Store(const Vector<Dtype, width>& vector, Dtype* to) {
  *reinterpret_cast<Vector<Dtype, width>*>(to) = vector;
}

/// Whether each row of a matrix can be read in vectors. NULL can.
template <typename Dtype>
inline bool RowsAreAligned(const int columns, const Dtype* matrix) {
  return columns % VectorWidth<Dtype>() == 0 &&
      reinterpret_cast<uintptr_t>(matrix) % 16 == 0;
}

/// The sum over the lanes of a warp, for all of them, in an order that is
/// always the same. Every lane must call it.
template <typename Dtype>
__device__ inline Dtype WarpSum(Dtype value) {
  for (int other = kWarpSize / 2; other > 0; other /= 2) {
    value += __shfl_xor_sync(0xffffffff, value, other);
  }
  return value;
}

/// The same for the largest, which passes over NaN as `value` must.
template <typename Dtype>
__device__ inline Dtype WarpMax(Dtype value) {
  for (int other = kWarpSize / 2; other > 0; other /= 2) {
    const Dtype theirs = __shfl_xor_sync(0xffffffff, value, other);
    value = theirs > value ? theirs : value;
  }
  return value;
}

}  // namespace caffe

#endif  // CPU_ONLY

#endif  // CAFFE_GPU_VECTORS_HPP_
