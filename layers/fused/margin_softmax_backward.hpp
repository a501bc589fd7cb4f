// installed by amcaffe
#ifndef CAFFE_MARGIN_SOFTMAX_BACKWARD_HPP_
#define CAFFE_MARGIN_SOFTMAX_BACKWARD_HPP_

// For margin_softmax_gpu.cu: the kernels of the backward pass, in their order.

#include "caffe/layers/margin_softmax_structs.hpp"

namespace caffe {
namespace margin_softmax {

/// The gradient by each row's loss.
template <typename Dtype>
struct Importance {
  const Dtype* loss_diff;
  const Dtype* inverse_normalizer;

  __device__ Dtype Value() const { return *loss_diff * *inverse_normalizer; }
};

// --- FindGradients ---------------------------------------------------------

/// Rows of gradients that a block of threads takes, a warp every eighth.
const int kTileRows = 32;

/// What the gradients of one row are made of: for the other classes, g_j =
/// factor * 2^(scale * (cos_j - best)).
template <typename Dtype>
struct RowFactors {
  Dtype scale, best, factor, at_target;
  int target;  ///< counted from the block of classes' first one
  bool ignored;
};

/// Turns a block's products into its gradients, and sums these along its
/// weights. A block of threads for each tile: kTileRows rows, and one vector of
/// classes for each lane.
/// @param stride from one row of the gradients, and of `along`, to the next
/// @param gradient g_ij / |w_j|, a row of them for each i
/// @param along sum_i g_ij cos_ij, a row of them for each tile of rows
template <typename Dtype>
__global__ void __launch_bounds__(kThreads, 4)
    FindGradients(const BatchRows<Dtype> batch, const ClassBlock<Dtype> block,
        const RowResult<Dtype>* __restrict__ row,
        const Importance<Dtype> importance, const int stride,
        Dtype* __restrict__ gradient, Dtype* __restrict__ along) {
  const int width = VectorWidth<Dtype>();
  const int kTileClasses = kWarpSize * width;
  __shared__ RowFactors<Dtype> factors[kTileRows];
  const int lane = threadIdx.x % kWarpSize;
  const int warp = threadIdx.x / kWarpSize;
  const int first_row = blockIdx.y * kTileRows;
  if (threadIdx.x < kTileRows && first_row + threadIdx.x < batch.rows) {
    const int i = first_row + threadIdx.x;
    RowFactors<Dtype> own = {0, 0, 0, 0, -1, true};
    if (batch.target[i] >= 0) {
      const Dtype weight = importance.Value() * row[i].scale;
      own.target = batch.target[i] - block.begin;
      own.ignored = false;
      own.scale = row[i].scale * Dtype(kLog2E);
      own.best = row[i].best;
      own.factor = weight * row[i].share;
      own.at_target = weight * row[i].by_target;
    }
    factors[threadIdx.x] = own;
  }
  __syncthreads();

  const int j = blockIdx.x * kTileClasses + lane * width;
  Vector<Dtype, width> sum;
#pragma unroll
  for (int e = 0; e < width; ++e) { sum.at[e] = 0; }
  if (j < block.size) {
    const Vector<Dtype, width> inverse = Load<width>(block.inverse_norm + j);
#pragma unroll
    for (int r = 0; r < kTileRows; r += kWarps) {
      const int i = first_row + warp + r;
      if (i >= batch.rows) { break; }
      const RowFactors<Dtype> own = factors[warp + r];
      Vector<Dtype, width> g;
      if (own.ignored) {
#pragma unroll
        for (int e = 0; e < width; ++e) { g.at[e] = 0; }
      } else {
        g = Load<width>(
            block.product + static_cast<size_t>(i) * block.stride + j);
        Vector<Dtype, width> by_cosine;
#pragma unroll
        for (int e = 0; e < width; ++e) {
          g.at[e] *= inverse.at[e];
          by_cosine.at[e] =
              own.factor * std::exp2(own.scale * (g.at[e] - own.best));
        }
        if (j <= own.target && own.target < j + width) {
#pragma unroll
          for (int e = 0; e < width; ++e) {
            if (j + e == own.target) { by_cosine.at[e] = own.at_target; }
          }
        }
#pragma unroll
        for (int e = 0; e < width; ++e) {
          sum.at[e] += by_cosine.at[e] * g.at[e];
          g.at[e] = by_cosine.at[e] * inverse.at[e];
        }
      }
      Store(g, gradient + static_cast<size_t>(i) * stride + j);
    }
  }
  __shared__ Vector<Dtype, width> sum_of[kWarps][kWarpSize];
  sum_of[warp][lane] = sum;
  __syncthreads();
  if (warp == 0 && j < block.size) {
    for (int w = 1; w < kWarps; ++w) {
#pragma unroll
      for (int e = 0; e < width; ++e) { sum.at[e] += sum_of[w][lane].at[e]; }
    }
    Store(sum, along + static_cast<size_t>(blockIdx.y) * stride + j);
  }
}

// --- AddClasses ------------------------------------------------------------

/// The sums of a block's gradients along its weights, by FindGradients.
template <typename Dtype>
struct AlongWeights {
  int tiles;  ///< of rows
  int stride;  ///< from one tile's sums to the next
  const Dtype* sum;

  /// Of all tiles, for each lane of a warp.
  __device__ Dtype Total(const int j) const {
    Dtype total = 0;
    for (int tile = threadIdx.x % kWarpSize; tile < tiles; tile += kWarpSize) {
      total += sum[static_cast<size_t>(tile) * stride + j];
    }
    return WarpSum(total);
  }
};

/// The weights of a block's classes.
template <typename Dtype>
struct WeightBlock {
  int dim;
  const Dtype* weight;
  const int* chosen;  ///< which classes they are; NULL unless some are chosen
  const Dtype* part;  ///< and then: what is to be added to their gradients
};

/// Adds to each class's gradient what `part` holds, if anything, and takes out
/// what is along its weight. A warp for each class.
/// @param diff the block's, or, where classes are chosen, that of all classes
template <typename Dtype, int width>
__global__ void AddClasses(const ClassBlock<Dtype> block,
    const AlongWeights<Dtype> along, const WeightBlock<Dtype> own,
    Dtype* __restrict__ diff) {
  const int j = blockIdx.x * kWarps + threadIdx.x / kWarpSize;
  if (j >= block.size) { return; }
  const int lane = threadIdx.x % kWarpSize;
  const Dtype factor =
      -along.Total(j) * block.inverse_norm[j] * block.inverse_norm[j];
  const size_t offset = static_cast<size_t>(j) * own.dim;
  Dtype* to =
      diff + static_cast<size_t>(own.chosen ? own.chosen[j] : j) * own.dim;
  for (int k = lane * width; k < own.dim; k += kWarpSize * width) {
    const Vector<Dtype, width> w = Load<width>(own.weight + offset + k);
    Vector<Dtype, width> d = Load<width>(to + k);
    if (own.part) {
      const Vector<Dtype, width> p = Load<width>(own.part + offset + k);
#pragma unroll
      for (int e = 0; e < width; ++e) { d.at[e] += p.at[e]; }
    }
#pragma unroll
    for (int e = 0; e < width; ++e) { d.at[e] += factor * w.at[e]; }
    Store(d, to + k);
  }
}

// --- FindNormGradients -----------------------------------------------------

/// The gradient by each row's factor of the scale.
template <typename Dtype>
__global__ void FindNormGradients(const BatchRows<Dtype> batch,
    const RowResult<Dtype>* row, const Importance<Dtype> importance,
    Dtype* __restrict__ norm_diff) {
  CUDA_KERNEL_LOOP(i, batch.rows) {
    norm_diff[i] = batch.target[i] < 0
        ? Dtype(0)
        : importance.Value() * batch.scale * row[i].by_scale;
  }
}

}  // namespace margin_softmax
}  // namespace caffe

#endif  // CAFFE_MARGIN_SOFTMAX_BACKWARD_HPP_
