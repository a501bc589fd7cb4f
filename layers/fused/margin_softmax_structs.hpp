// installed by amcaffe
#ifndef CAFFE_MARGIN_SOFTMAX_STRUCTS_HPP_
#define CAFFE_MARGIN_SOFTMAX_STRUCTS_HPP_

// For .cu files: what the kernels of margin_softmax_gpu.cu, which has their
// order, are given and share. All pointers are to the device. What a kernel
// reads comes in small structs; where it writes is an argument of its own, as
// __restrict__ counts there alone: with it, loads need not wait for a store.

#include "caffe/layers/gpu_vectors.hpp"
#include "caffe/layers/margin_math.hpp"

namespace caffe {
namespace margin_softmax {

const int kThreads = 256;
const int kWarps = kThreads / kWarpSize;

// The exponents are taken of 2: exp2 costs half of exp's instructions.
const double kLog2E = 1.4426950408889634074;

/// The rows of a batch.
template <typename Dtype>
struct BatchRows {
  int rows;
  const int* target;  ///< positions; negative: the row is ignored
  Dtype scale;
  const Dtype* norm;  ///< a factor of each row's scale, or NULL

  /// A row's logits are this times its cosines.
  __device__ Dtype ScaleOf(const int i) const {
    return norm ? scale * norm[i] : scale;
  }
};

/// A block of classes. Element j of its arrays is of class begin + j.
template <typename Dtype>
struct ClassBlock {
  int begin, size;
  const Dtype* inverse_norm;  ///< 1 / |w_j|
  const Dtype* product;  ///< u_i . w_j, a row of them for each i
  int stride;  ///< from one row of the products to the next
};

/// What the forward pass leaves of a row for the backward pass.
template <typename Dtype>
struct RowResult {
  Dtype scale;  ///< of its logits
  Dtype cosine;  ///< the target's, before the margin
  Dtype best;  ///< the largest other cosine; -infinity without one
  Dtype loss;
  Dtype share;  ///< softmax_j = share * exp(scale * (cos_j - best))
  Dtype by_target;  ///< gradient of the loss by scale * (target's cosine)
  Dtype by_scale;  ///< gradient of the loss by scale
};

}  // namespace margin_softmax
}  // namespace caffe

#endif  // CAFFE_MARGIN_SOFTMAX_STRUCTS_HPP_
