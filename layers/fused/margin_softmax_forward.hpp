// installed by amcaffe
#ifndef CAFFE_MARGIN_SOFTMAX_FORWARD_HPP_
#define CAFFE_MARGIN_SOFTMAX_FORWARD_HPP_

// For margin_softmax_gpu.cu: the kernels of the forward pass, in their order.

#include "caffe/layers/margin_softmax_structs.hpp"

namespace caffe {
namespace margin_softmax {

// --- PrepareClasses --------------------------------------------------------

/// The inverse of the length of each class's weight, and, where classes are
/// chosen, a copy of the weight. A warp for each class.
template <typename Dtype, int width>
__global__ void PrepareClasses(const int classes, const int dim,
    const Dtype* __restrict__ weight, const int* __restrict__ chosen,
    Dtype* __restrict__ gathered, Dtype* __restrict__ inverse_norm) {
  const int j = blockIdx.x * kWarps + threadIdx.x / kWarpSize;
  if (j >= classes) { return; }
  const Dtype* from =
      weight + static_cast<size_t>(chosen ? chosen[j] : j) * dim;
  Dtype* to = chosen ? gathered + static_cast<size_t>(j) * dim : NULL;
  Dtype sum = 0;
  for (int k = threadIdx.x % kWarpSize * width; k < dim;
      k += kWarpSize * width) {
    const Vector<Dtype, width> w = Load<width>(from + k);
    if (chosen) { Store(w, to + k); }
#pragma unroll
    for (int e = 0; e < width; ++e) { sum += w.at[e] * w.at[e]; }
  }
  sum = WarpSum(sum);
  if (threadIdx.x % kWarpSize == 0) {
    inverse_norm[j] = margin::InverseNorm(margin::NormOfSum(margin::UNIT, sum));
  }
}

// --- ScanChunk -------------------------------------------------------------

/// How many cosines of a row a thread takes: four vectors, which stay in its
/// registers between the search for the largest and the sums.
template <typename Dtype>
__host__ __device__ constexpr int CosinesOfThread() {
  return 4 * VectorWidth<Dtype>();
}

/// And a block of threads.
template <typename Dtype>
__host__ __device__ constexpr int ChunkSize() {
  return kThreads * CosinesOfThread<Dtype>();
}

// A thread's cosines count to the sums of the other classes, unless one is the
// target's, or lies past the end of the block of classes. `others` has a bit
// for each that counts, the lowest for the first. In most threads all do, and
// `all` is true: then the bits are not looked at.

/// The largest of the cosines that count; -infinity where none does.
template <bool all, typename Dtype>
__device__ inline Dtype Largest(const Dtype* cosine,
    const unsigned int others) {
  Dtype best = -INFINITY;
#pragma unroll
  for (int v = 0; v < CosinesOfThread<Dtype>(); ++v) {
    if ((all || (others >> v & 1)) && cosine[v] > best) { best = cosine[v]; }
  }
  return best;
}

/// Adds the cosines that count to a LogSum with a `best` that is given.
/// @param scale of the logits, times kLog2E
template <bool all, typename Dtype>
__device__ inline void Accumulate(const Dtype* cosine,
    const unsigned int others, const Dtype scale,
    margin::LogSum<Dtype>* result) {
#pragma unroll
  for (int v = 0; v < CosinesOfThread<Dtype>(); ++v) {
    const Dtype term = std::exp2(scale * (cosine[v] - result->best));
    if (all || (others >> v & 1)) {
      result->sum += term;
      result->along += term * cosine[v];
    }
  }
}

/// The other classes of one row in one chunk of a block of classes, summed, and
/// the target's cosine, if it is among them. A block of threads for each row
/// and chunk; those of a chunk's rows are neighbours, so that inverse_norm
/// comes from the L1 cache.
/// @param row_parts chunks of all classes, so many of `part` for each row
/// @param first_part the first chunk of this block of classes
template <typename Dtype>
__global__ void __launch_bounds__(kThreads)
    ScanChunk(const BatchRows<Dtype> batch, const ClassBlock<Dtype> block,
        const int row_parts, const int first_part,
        margin::LogSum<Dtype>* __restrict__ part,
        Dtype* __restrict__ target_cosine) {
  const int width = VectorWidth<Dtype>();
  const int i = blockIdx.x % batch.rows;
  if (batch.target[i] < 0) { return; }
  const int chunk = blockIdx.x / batch.rows;
  const int first = chunk * ChunkSize<Dtype>();
  const Dtype* x = block.product + static_cast<size_t>(i) * block.stride;

  // This thread's cosines: neighbouring threads read neighbouring vectors.
  Dtype cosine[CosinesOfThread<Dtype>()];
  unsigned int others = 0;
#pragma unroll
  for (int v = 0; v < CosinesOfThread<Dtype>(); v += width) {
    const int j = first + v * kThreads + threadIdx.x * width;
    if (j < block.size) {
      const Vector<Dtype, width> dot = Load<width>(x + j);
      const Vector<Dtype, width> inverse = Load<width>(block.inverse_norm + j);
#pragma unroll
      for (int e = 0; e < width; ++e) {
        cosine[v + e] = dot.at[e] * inverse.at[e];
        others |= static_cast<unsigned int>(j + e < block.size) << (v + e);
      }
    } else {
#pragma unroll
      for (int e = 0; e < width; ++e) { cosine[v + e] = 0; }
    }
  }
  const int t = batch.target[i] - block.begin;
  const int at = t - first;
  if (t < block.size && at >= 0 && at < ChunkSize<Dtype>() &&
      at / width % kThreads == threadIdx.x) {
    others &= ~(1u << (at / (kThreads * width) * width + at % width));
    target_cosine[i] = x[t] * block.inverse_norm[t];
  }

  // The largest of all threads, which the sums are relative to.
  __shared__ Dtype best_of[kWarps];
  __shared__ Dtype sum_of[kWarps];
  __shared__ Dtype along_of[kWarps];
  const int warp = threadIdx.x / kWarpSize;
  const bool all = others == (1u << CosinesOfThread<Dtype>()) - 1;
  margin::LogSum<Dtype> own = {0, 0, 0};
  own.best = WarpMax(all ? Largest<true>(cosine, others)
                         : Largest<false>(cosine, others));
  if (threadIdx.x % kWarpSize == 0) { best_of[warp] = own.best; }
  __syncthreads();
  own.best = best_of[0];
#pragma unroll
  for (int w = 1; w < kWarps; ++w) {
    own.best = best_of[w] > own.best ? best_of[w] : own.best;
  }

  const Dtype scale = batch.ScaleOf(i) * Dtype(kLog2E);
  if (all) {
    Accumulate<true>(cosine, others, scale, &own);
  } else {
    Accumulate<false>(cosine, others, scale, &own);
  }
  own.sum = WarpSum(own.sum);
  // Only the gradient by the row's length needs it.
  if (batch.norm) { own.along = WarpSum(own.along); }
  if (threadIdx.x % kWarpSize == 0) {
    sum_of[warp] = own.sum;
    along_of[warp] = own.along;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < kWarps; ++w) {
      own.sum += sum_of[w];
      own.along += along_of[w];
    }
    part[static_cast<size_t>(i) * row_parts + first_part + chunk] = own;
  }
}

// --- FinishRows ------------------------------------------------------------

/// What Merge makes of the lanes of a warp, for the first of them.
template <typename Dtype>
__device__ inline margin::LogSum<Dtype> WarpMerge(margin::LogSum<Dtype> own,
    const Dtype scale) {
  for (int other = kWarpSize / 2; other > 0; other /= 2) {
    const margin::LogSum<Dtype> theirs = {
        __shfl_xor_sync(0xffffffff, own.best, other),
        __shfl_xor_sync(0xffffffff, own.sum, other),
        __shfl_xor_sync(0xffffffff, own.along, other)};
    own = margin::Merge(own, theirs, scale);
  }
  return own;
}

/// Each row's loss, and what Backward needs of it. A warp for each row, whose
/// lanes share its parts.
template <typename Dtype>
__global__ void FinishRows(const BatchRows<Dtype> batch,
    const margin::LossMargin<Dtype> psi, const int parts,
    const margin::LogSum<Dtype>* __restrict__ part,
    const Dtype* __restrict__ target_cosine,
    RowResult<Dtype>* __restrict__ row) {
  const int i = blockIdx.x * kWarps + threadIdx.x / kWarpSize;
  if (i >= batch.rows || batch.target[i] < 0) { return; }
  const int lane = threadIdx.x % kWarpSize;
  part += static_cast<size_t>(i) * parts;
  RowResult<Dtype> own;
  own.scale = batch.ScaleOf(i);
  margin::LogSum<Dtype> others = {-INFINITY, 0, 0};
  for (int k = lane; k < parts; k += kWarpSize) {
    others = margin::Merge(others, part[k], own.scale);
  }
  others = WarpMerge(others, own.scale);
  if (lane > 0) { return; }
  own.best = others.best;
  own.cosine = target_cosine[i];
  const margin::Dual<Dtype> y = psi(own.cosine);
  const margin::TargetLoss<Dtype> softmax =
      margin::SoftmaxLoss(y.value, others, own.scale);
  own.loss = softmax.loss;
  own.share = others.sum == 0 ? Dtype(0) : softmax.rest / others.sum;
  const margin::TargetGradient<Dtype> at_target =
      margin::GradientAtTarget(y, softmax);
  own.by_target = at_target.by_cosine;
  own.by_scale = own.share * others.along + at_target.by_scale;
  row[i] = own;
}

// --- Totals ----------------------------------------------------------------

/// Where the results of a batch go.
template <typename Dtype>
struct BatchResult {
  Dtype* loss;
  Dtype* inverse_normalizer;  ///< what the sum of the losses was multiplied by
  Dtype* statistics;  ///< MarginSoftmaxLossLayer's second top, or NULL
};

/// One block.
/// @param normalizer 0 for the number of rows that are not ignored
template <typename Dtype>
__global__ void __launch_bounds__(kThreads) Totals(const BatchRows<Dtype> batch,
    const RowResult<Dtype>* __restrict__ row, const Dtype normalizer,
    const BatchResult<Dtype> result) {
  const int kTotals = 5;  // loss, target's cosine, best other, right, rows
  Dtype total[kTotals] = {0, 0, 0, 0, 0};
  for (int i = threadIdx.x; i < batch.rows; i += kThreads) {
    if (batch.target[i] < 0) { continue; }
    total[0] += row[i].loss;
    total[1] += row[i].cosine;
    total[2] += row[i].best;
    total[3] += row[i].cosine > row[i].best;
    total[4] += 1;
  }
  __shared__ Dtype total_of[kWarps][kTotals];
#pragma unroll
  for (int k = 0; k < kTotals; ++k) {
    total[k] = WarpSum(total[k]);
    if (threadIdx.x % kWarpSize == 0) {
      total_of[threadIdx.x / kWarpSize][k] = total[k];
    }
  }
  __syncthreads();
  if (threadIdx.x > 0) { return; }
#pragma unroll
  for (int k = 0; k < kTotals; ++k) {
    for (int w = 1; w < kWarps; ++w) { total[k] += total_of[w][k]; }
  }
  const Dtype with_loss = total[4] > 1 ? total[4] : Dtype(1);
  const Dtype inverse = 1 / (normalizer > 0 ? normalizer : with_loss);
  *result.inverse_normalizer = inverse;
  *result.loss = total[0] * inverse;
  if (result.statistics) {
    for (int k = 0; k < 3; ++k) {
      result.statistics[k] = total[k + 1] / with_loss;
    }
  }
}

}  // namespace margin_softmax
}  // namespace caffe

#endif  // CAFFE_MARGIN_SOFTMAX_FORWARD_HPP_
