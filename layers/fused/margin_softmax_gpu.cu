// installed by amcaffe
#include <algorithm>

#include "caffe/layers/gpu_vectors.hpp"
#include "caffe/layers/margin_softmax_gpu.hpp"

namespace caffe {

namespace {

const int kThreads = 256;
const int kWarps = kThreads / kWarpSize;
// Cosines of a row that a block of threads takes at a time: four vectors a
// thread, which stay in its registers between the maximum and the sum.
template <typename Dtype>
__host__ __device__ constexpr int CosinesOfThread() {
  return 4 * VectorWidth<Dtype>();
}
template <typename Dtype>
__host__ __device__ constexpr int ChunkSize() {
  return kThreads * CosinesOfThread<Dtype>();
}
// Rows of gradients that a block of threads takes, a warp every eighth.
const int kTileRows = 32;

// Products of row-major matrices whose rows may lie apart; cuBLAS's are
// column-major, so that it sees each matrix transposed.
inline cublasStatus_t Multiply(const cublasOperation_t a_op,
    const cublasOperation_t b_op, const int m, const int n, const int k,
    const float* a, const int lda, const float* b, const int ldb,
    const float beta, float* c, const int ldc) {
  const float one = 1;
  return cublasSgemm(Caffe::cublas_handle(), a_op, b_op, m, n, k, &one, a, lda,
      b, ldb, &beta, c, ldc);
}

inline cublasStatus_t Multiply(const cublasOperation_t a_op,
    const cublasOperation_t b_op, const int m, const int n, const int k,
    const double* a, const int lda, const double* b, const int ldb,
    const double beta, double* c, const int ldc) {
  const double one = 1;
  return cublasDgemm(Caffe::cublas_handle(), a_op, b_op, m, n, k, &one, a, lda,
      b, ldb, &beta, c, ldc);
}

// A warp for each class: the inverse of its weight's length, and, where classes
// are chosen, a copy of the weight.
template <typename Dtype, int width>
__global__ void PrepareClasses(const int classes, const int dim,
    const Dtype* __restrict__ weight, const int* __restrict__ chosen,
    Dtype* gathered, Dtype* inverse_norm) {
  const int j = blockIdx.x * kWarps + threadIdx.x / kWarpSize;
  if (j >= classes) { return; }
  const Dtype* from = weight + static_cast<size_t>(chosen ? chosen[j] : j) *
      dim;
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

// The exponents are taken of 2: exp2 costs half of exp's instructions.
const double kLog2E = 1.4426950408889634074;

// Of those of a thread's cosines that have a bit in `others`, which are `all`
// of them in most threads: the largest, -infinity of none.
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

// The same for the sums of a MarginPart.
template <bool all, typename Dtype>
__device__ inline void Accumulate(const Dtype* cosine,
    const unsigned int others, const Dtype scale, const Dtype best, Dtype* sum,
    Dtype* along) {
#pragma unroll
  for (int v = 0; v < CosinesOfThread<Dtype>(); ++v) {
    const Dtype term = std::exp2(scale * (cosine[v] - best));
    if (all || (others >> v & 1)) {
      *sum += term;
      *along += term * cosine[v];
    }
  }
}

// A block for a chunk of one row; the blocks of a chunk's rows are neighbours,
// so that inverse_norm comes from the L1 cache. Target and classes count from
// this block of classes' first one.
template <typename Dtype>
__global__ void __launch_bounds__(kThreads) ScanChunk(const int rows,
    const int begin, const int classes, const int stride,
    const Dtype* __restrict__ product, const Dtype* __restrict__ inverse_norm,
    const int* __restrict__ target, const Dtype scale,
    const Dtype* __restrict__ norm, const int parts, const int first_part,
    Dtype* target_cosine, MarginPart<Dtype>* part) {
  const int width = VectorWidth<Dtype>();
  const int i = blockIdx.x % rows;
  if (target[i] < 0) { return; }
  const int chunk = blockIdx.x / rows;
  const int first = chunk * ChunkSize<Dtype>();
  const Dtype* x = product + static_cast<size_t>(i) * stride;

  // The cosines of this thread, and a bit for each that is another class's.
  Dtype cosine[CosinesOfThread<Dtype>()];
  unsigned int others = 0;
#pragma unroll
  for (int v = 0; v < CosinesOfThread<Dtype>(); v += width) {
    const int j = first + v * kThreads + threadIdx.x * width;
    if (j < classes) {
      const Vector<Dtype, width> dot = Load<width>(x + j);
      const Vector<Dtype, width> inverse = Load<width>(inverse_norm + j);
#pragma unroll
      for (int e = 0; e < width; ++e) {
        cosine[v + e] = dot.at[e] * inverse.at[e];
        others |= static_cast<unsigned int>(j + e < classes) << (v + e);
      }
    } else {
#pragma unroll
      for (int e = 0; e < width; ++e) { cosine[v + e] = 0; }
    }
  }
  const int t = target[i] - begin;
  const int at = t - first;
  if (t < classes && at >= 0 && at < ChunkSize<Dtype>() &&
      at / width % kThreads == threadIdx.x) {
    others &= ~(1u << (at / (kThreads * width) * width + at % width));
    target_cosine[i] = x[t] * inverse_norm[t];
  }

  __shared__ Dtype best_of[kWarps];
  __shared__ Dtype sum_of[kWarps];
  __shared__ Dtype along_of[kWarps];
  const int warp = threadIdx.x / kWarpSize;
  const bool all = others == (1u << CosinesOfThread<Dtype>()) - 1;
  Dtype best = WarpMax(all ? Largest<true>(cosine, others) :
      Largest<false>(cosine, others));
  if (threadIdx.x % kWarpSize == 0) { best_of[warp] = best; }
  __syncthreads();
  best = best_of[0];
#pragma unroll
  for (int w = 1; w < kWarps; ++w) {
    best = best_of[w] > best ? best_of[w] : best;
  }

  const Dtype row_scale = (norm ? scale * norm[i] : scale) * Dtype(kLog2E);
  Dtype sum = 0;
  Dtype along = 0;
  if (all) {
    Accumulate<true>(cosine, others, row_scale, best, &sum, &along);
  } else {
    Accumulate<false>(cosine, others, row_scale, best, &sum, &along);
  }
  sum = WarpSum(sum);
  if (norm) { along = WarpSum(along); }  // else it is not used
  if (threadIdx.x % kWarpSize == 0) {
    sum_of[warp] = sum;
    along_of[warp] = along;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < kWarps; ++w) {
      sum += sum_of[w];
      along += along_of[w];
    }
    const MarginPart<Dtype> result = { best, sum, along };
    part[static_cast<size_t>(i) * parts + first_part + chunk] = result;
  }
}

// A warp for each row, over the parts of it.
template <typename Dtype>
__global__ void FinishRows(const int rows, const int parts,
    const MarginPart<Dtype>* __restrict__ part, const int* __restrict__ target,
    const Dtype* __restrict__ target_cosine, const Dtype scale,
    const Dtype* __restrict__ norm, const margin::CombinedMargin<Dtype> psi,
    GpuMarginRow<Dtype>* row) {
  const int i = blockIdx.x * kWarps + threadIdx.x / kWarpSize;
  if (i >= rows || target[i] < 0) { return; }
  const int lane = threadIdx.x % kWarpSize;
  part += static_cast<size_t>(i) * parts;
  GpuMarginRow<Dtype> own;
  own.scale = norm ? scale * norm[i] : scale;
  own.best = -INFINITY;
  for (int k = lane; k < parts; k += kWarpSize) {
    own.best = part[k].best > own.best ? part[k].best : own.best;
  }
  own.best = WarpMax(own.best);
  Dtype sum = 0;
  Dtype along = 0;
  for (int k = lane; k < parts; k += kWarpSize) {
    if (part[k].sum == 0) { continue; }  // of no class: its best is infinite
    const Dtype factor =
        std::exp2(own.scale * Dtype(kLog2E) * (part[k].best - own.best));
    sum += part[k].sum * factor;
    along += part[k].along * factor;
  }
  sum = WarpSum(sum);
  along = WarpSum(along);
  if (lane > 0) { return; }
  own.cosine = target_cosine[i];
  const margin::Dual<Dtype> y = psi(own.cosine);
  const margin::LogSum<Dtype> others = {
    sum == 0 ? -INFINITY : own.scale * own.best, sum };
  const margin::TargetLoss<Dtype> softmax =
      margin::SoftmaxLoss(own.scale * y.value, others);
  own.loss = softmax.loss;
  own.share = sum == 0 ? Dtype(0) : softmax.rest / sum;
  const margin::TargetGradient<Dtype> at_target =
      margin::GradientAtTarget(y, softmax);
  own.by_target = at_target.by_cosine;
  own.by_scale = own.share * along + at_target.by_scale;
  row[i] = own;
}

// One block. The loss, what its sum was multiplied by, and the statistics.
template <typename Dtype>
__global__ void __launch_bounds__(kThreads) Totals(const int rows,
    const int* __restrict__ target, const GpuMarginRow<Dtype>* __restrict__ row,
    const Dtype normalizer, Dtype* loss, Dtype* inverse_normalizer,
    Dtype* statistics) {
  const int kTotals = 5;  // loss, target's cosine, best other, right, rows
  Dtype total[kTotals] = { 0, 0, 0, 0, 0 };
  for (int i = threadIdx.x; i < rows; i += kThreads) {
    if (target[i] < 0) { continue; }
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
  const Dtype inverse =
      1 / (normalizer > 0 ? normalizer : with_loss);
  *inverse_normalizer = inverse;
  *loss = total[0] * inverse;
  if (statistics) {
    for (int k = 0; k < 3; ++k) { statistics[k] = total[k + 1] / with_loss; }
  }
}

// What a row's gradients are made of: g_j = factor * 2^(scale * (cos_j - best))
// for the other classes.
template <typename Dtype>
struct RowFactors {
  Dtype scale, best, factor, at_target;
  int target;  // counted from the block of classes' first one
  bool ignored;
};

// A tile of kTileRows rows and one vector of classes for each lane. Turns the
// products into g_ij / |w_j|, and sums g_ij cos_ij over the tile's rows.
template <typename Dtype>
__global__ void __launch_bounds__(kThreads, 4) FindGradients(const int rows,
    const int begin, const int classes, const int product_stride,
    const Dtype* __restrict__ product, const Dtype* __restrict__ inverse_norm,
    const int* __restrict__ target, const GpuMarginRow<Dtype>* __restrict__ row,
    const Dtype* __restrict__ loss_diff,
    const Dtype* __restrict__ inverse_normalizer,
    const int stride, Dtype* __restrict__ gradient, Dtype* __restrict__ along) {
  const int width = VectorWidth<Dtype>();
  const int kTileClasses = kWarpSize * width;
  __shared__ RowFactors<Dtype> factors[kTileRows];
  const int lane = threadIdx.x % kWarpSize;
  const int warp = threadIdx.x / kWarpSize;
  const int first_row = blockIdx.y * kTileRows;
  if (threadIdx.x < kTileRows && first_row + threadIdx.x < rows) {
    const int i = first_row + threadIdx.x;
    RowFactors<Dtype> own = { 0, 0, 0, 0, -1, true };
    if (target[i] >= 0) {
      const Dtype weight = *loss_diff * *inverse_normalizer * row[i].scale;
      own.target = target[i] - begin;
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
  if (j < classes) {
    const Vector<Dtype, width> inverse = Load<width>(inverse_norm + j);
#pragma unroll
    for (int r = 0; r < kTileRows; r += kWarps) {
      const int i = first_row + warp + r;
      if (i >= rows) { break; }
      const RowFactors<Dtype> own = factors[warp + r];
      Vector<Dtype, width> g;
      if (own.ignored) {
#pragma unroll
        for (int e = 0; e < width; ++e) { g.at[e] = 0; }
      } else {
        g = Load<width>(product + static_cast<size_t>(i) * product_stride + j);
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
  if (warp == 0 && j < classes) {
    for (int w = 1; w < kWarps; ++w) {
#pragma unroll
      for (int e = 0; e < width; ++e) { sum.at[e] += sum_of[w][lane].at[e]; }
    }
    Store(sum, along + static_cast<size_t>(blockIdx.y) * stride + j);
  }
}

// A warp for each class: adds to its gradient what `part` holds, if anything,
// and takes out what is along its weight.
template <typename Dtype, int width>
__global__ void AddClasses(const int classes, const int dim,
    const Dtype* __restrict__ weight, const Dtype* __restrict__ inverse_norm,
    const int tiles, const int stride, const Dtype* __restrict__ along,
    const Dtype* __restrict__ part, const int* __restrict__ chosen,
    Dtype* diff) {
  const int j = blockIdx.x * kWarps + threadIdx.x / kWarpSize;
  if (j >= classes) { return; }
  const int lane = threadIdx.x % kWarpSize;
  Dtype sum = 0;
  for (int tile = lane; tile < tiles; tile += kWarpSize) {
    sum += along[static_cast<size_t>(tile) * stride + j];
  }
  const Dtype factor = -WarpSum(sum) * inverse_norm[j] * inverse_norm[j];
  const size_t offset = static_cast<size_t>(j) * dim;
  Dtype* to = diff + static_cast<size_t>(chosen ? chosen[j] : j) * dim;
  for (int k = lane * width; k < dim; k += kWarpSize * width) {
    const Vector<Dtype, width> w = Load<width>(weight + offset + k);
    Vector<Dtype, width> d = Load<width>(to + k);
    if (part) {
      const Vector<Dtype, width> p = Load<width>(part + offset + k);
#pragma unroll
      for (int e = 0; e < width; ++e) { d.at[e] += p.at[e]; }
    }
#pragma unroll
    for (int e = 0; e < width; ++e) { d.at[e] += factor * w.at[e]; }
    Store(d, to + k);
  }
}

template <typename Dtype>
__global__ void FindNormGradients(const int rows, const int* target,
    const GpuMarginRow<Dtype>* row, const Dtype scale, const Dtype* loss_diff,
    const Dtype* inverse_normalizer, Dtype* norm_diff) {
  CUDA_KERNEL_LOOP(i, rows) {
    norm_diff[i] = target[i] < 0 ? Dtype(0) :
        *loss_diff * *inverse_normalizer * scale * row[i].by_scale;
  }
}

inline int Ceil(const int count, const int each) {
  return (count + each - 1) / each;
}

}  // namespace

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::Reshape(const int rows, const int dim,
    const int classes, const int* chosen, const size_t keep_bytes) {
  rows_ = rows;
  dim_ = dim;
  classes_ = classes;
  chosen_ = chosen;
  // Chosen classes have their weight and its gradient in the block, too.
  const size_t each = std::max(rows, chosen ? dim : 1) * sizeof(Dtype);
  const int whole = Ceil(classes, 64) * 64;
  block_ = std::max(64, static_cast<int>(
      std::min<size_t>(whole, block_bytes_ / each / 64 * 64)));
  keep_ = static_cast<size_t>(rows) * whole * sizeof(Dtype) <= keep_bytes;
  product_.Reserve(static_cast<size_t>(rows) * (keep_ ? whole : block_));
  inverse_norm_.Reserve(whole);
  if (chosen) { weight_.Reserve(static_cast<size_t>(block_) * dim); }
  target_cosine_.Reserve(rows);
  inverse_normalizer_.Reserve(1);
  part_.Reserve(static_cast<size_t>(rows) * Blocks() *
      Ceil(block_, ChunkSize<Dtype>()));
  row_.Reserve(rows);
}

template <typename Dtype>
int GpuMarginSoftmax<Dtype>::Size(const int block) const {
  return std::min(block_, classes_ - Begin(block));
}

template <typename Dtype>
int GpuMarginSoftmax<Dtype>::Stride() const {
  return keep_ ? Ceil(classes_, 64) * 64 : block_;
}

template <typename Dtype>
const Dtype* GpuMarginSoftmax<Dtype>::BlockWeight(const int block,
    const Dtype* weight) {
  return chosen_ ? weight_.data() :
      weight + static_cast<size_t>(Begin(block)) * dim_;
}

template <typename Dtype>
Dtype* GpuMarginSoftmax<Dtype>::BlockProducts(const int block) {
  return product_.data() + (keep_ ? Begin(block) : 0);
}

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::Prepare(const int block, const Dtype* weight) {
  const int* chosen = chosen_ ? chosen_ + Begin(block) : NULL;
  const Dtype* from = chosen_ ? weight : BlockWeight(block, weight);
  Dtype* gathered = chosen_ ? weight_.data() : NULL;
  const int size = Size(block);
  const int blocks = Ceil(size, kWarps);
  Dtype* inverse_norm = inverse_norm_.data() + Begin(block);
  if (RowsAreAligned(dim_, from) && RowsAreAligned(dim_, gathered)) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    PrepareClasses<Dtype, VectorWidth<Dtype>()><<<blocks, kThreads>>>(size,
        dim_, from, chosen, gathered, inverse_norm);
  } else {
    // NOLINT_NEXT_LINE(whitespace/operators)
    PrepareClasses<Dtype, 1><<<blocks, kThreads>>>(size, dim_, from, chosen,
        gathered, inverse_norm);
  }
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::FindProducts(const int block, const Dtype* unit,
    const Dtype* weight) {
  CUBLAS_CHECK(Multiply(CUBLAS_OP_T, CUBLAS_OP_N, Size(block), rows_, dim_,
      BlockWeight(block, weight), dim_, unit, dim_, Dtype(0),
      BlockProducts(block), Stride()));
}

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::Forward(const Dtype* unit, const Dtype* norm,
    const Dtype* weight, const int* target, const Dtype scale,
    const margin::CombinedMargin<Dtype>& psi, const Dtype normalizer,
    Dtype* loss, Dtype* statistics) {
  const int block_parts = Ceil(block_, ChunkSize<Dtype>());
  const int parts = (Blocks() - 1) * block_parts +
      Ceil(Size(Blocks() - 1), ChunkSize<Dtype>());
  for (int block = 0; block < Blocks(); ++block) {
    Prepare(block, weight);
    FindProducts(block, unit, weight);
    const int chunks = Ceil(Size(block), ChunkSize<Dtype>());
    // NOLINT_NEXT_LINE(whitespace/operators)
    ScanChunk<Dtype><<<chunks * rows_, kThreads>>>(rows_, Begin(block),
        Size(block), Stride(), BlockProducts(block),
        inverse_norm_.data() + Begin(block), target, scale, norm, parts,
        block * block_parts, target_cosine_.data(), part_.data());
    CUDA_POST_KERNEL_CHECK;
  }
  // NOLINT_NEXT_LINE(whitespace/operators)
  FinishRows<Dtype><<<Ceil(rows_, kWarps), kThreads>>>(rows_, parts,
      part_.data(), target, target_cosine_.data(), scale, norm, psi,
      row_.data());
  CUDA_POST_KERNEL_CHECK;
  // NOLINT_NEXT_LINE(whitespace/operators)
  Totals<Dtype><<<1, kThreads>>>(rows_, target, row_.data(), normalizer, loss,
      inverse_normalizer_.data(), statistics);
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::Backward(const Dtype* unit, const Dtype* weight,
    const int* target, const Dtype scale, const Dtype* loss_diff,
    Dtype* unit_diff, Dtype* norm_diff, Dtype* weight_diff) {
  const int tiles = Ceil(rows_, kTileRows);
  gradient_.Reserve(static_cast<size_t>(rows_) * block_);
  along_.Reserve(static_cast<size_t>(tiles) * block_);
  if (chosen_) { weight_diff_.Reserve(static_cast<size_t>(block_) * dim_); }
  for (int block = 0; block < Blocks(); ++block) {
    if (chosen_) { Prepare(block, weight); }
    if (!keep_) { FindProducts(block, unit, weight); }
    const int begin = Begin(block);
    const int size = Size(block);
    const Dtype* block_weight = BlockWeight(block, weight);
    const Dtype* inverse_norm = inverse_norm_.data() + begin;
    Dtype* gradient = gradient_.data();
    const dim3 grid(Ceil(size, kWarpSize * VectorWidth<Dtype>()), tiles);
    // NOLINT_NEXT_LINE(whitespace/operators)
    FindGradients<Dtype><<<grid, kThreads>>>(rows_, begin, size, Stride(),
        BlockProducts(block), inverse_norm, target, row_.data(), loss_diff,
        inverse_normalizer_.data(), block_, gradient, along_.data());
    CUDA_POST_KERNEL_CHECK;
    if (unit_diff) {
      CUBLAS_CHECK(Multiply(CUBLAS_OP_N, CUBLAS_OP_N, dim_, rows_, size,
          block_weight, dim_, gradient, block_, Dtype(block > 0), unit_diff,
          dim_));
    }
    if (weight_diff) {
      AddWeightGradients(block, unit, block_weight, weight_diff);
    }
  }
  if (norm_diff) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    FindNormGradients<Dtype><<<CAFFE_GET_BLOCKS(rows_),
        CAFFE_CUDA_NUM_THREADS>>>(rows_, target, row_.data(), scale, loss_diff,
        inverse_normalizer_.data(), norm_diff);
    CUDA_POST_KERNEL_CHECK;
  }
}

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::AddWeightGradients(const int block,
    const Dtype* unit, const Dtype* block_weight, Dtype* weight_diff) {
  const int begin = Begin(block);
  const int size = Size(block);
  // All classes: the product is added to their gradients where they are.
  // Chosen ones: it comes into a part of its own, which is then scattered.
  const int* chosen = chosen_ ? chosen_ + begin : NULL;
  Dtype* part = chosen_ ? weight_diff_.data() : NULL;
  Dtype* diff = chosen_ ? weight_diff :
      weight_diff + static_cast<size_t>(begin) * dim_;
  CUBLAS_CHECK(Multiply(CUBLAS_OP_N, CUBLAS_OP_T, dim_, size, rows_, unit, dim_,
      gradient_.data(), block_, Dtype(part == NULL), part ? part : diff, dim_));
  const int blocks = Ceil(size, kWarps);
  const int tiles = Ceil(rows_, kTileRows);
  const Dtype* inverse_norm = inverse_norm_.data() + begin;
  if (RowsAreAligned(dim_, block_weight) && RowsAreAligned(dim_, diff)) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    AddClasses<Dtype, VectorWidth<Dtype>()><<<blocks, kThreads>>>(size, dim_,
        block_weight, inverse_norm, tiles, block_, along_.data(), part, chosen,
        diff);
  } else {
    // NOLINT_NEXT_LINE(whitespace/operators)
    AddClasses<Dtype, 1><<<blocks, kThreads>>>(size, dim_, block_weight,
        inverse_norm, tiles, block_, along_.data(), part, chosen, diff);
  }
  CUDA_POST_KERNEL_CHECK;
}

template class GpuMarginSoftmax<float>;
template class GpuMarginSoftmax<double>;

}  // namespace caffe
