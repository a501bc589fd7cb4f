// installed by amcaffe
#include <algorithm>

#include "caffe/layers/margin_softmax_backward.hpp"
#include "caffe/layers/margin_softmax_forward.hpp"
#include "caffe/layers/margin_softmax_gpu.hpp"

// The order of the passes. MarginSoftmax has the equations; u are the unit
// features (N x D), w the weight (C x D).
//
// Forward, for each block of classes, so that its arrays fit into the L2 cache:
//   PrepareClasses     1 / |w_j|, and a copy of w_j where classes are chosen
//   FindProducts       u_i . w_j, by cuBLAS
//   ScanChunk          for each row and chunk of classes: the LogSum of the
//                      other classes, and the target's cosine
// and once:
//   FinishRows         merges a row's LogSums into its loss, and into what
//                      Backward needs of it (RowResult)
//   Totals             the loss of the batch, its normaliser, the statistics
//
// Backward, for each block of classes:
//   PrepareClasses     where classes are chosen: the copy is of one block
//   FindProducts       where the products were not kept
//   FindGradients      g_ij / |w_j|, and sum_i g_ij cos_ij of each tile of rows
//   Multiply           adds the block's share to the gradient by u
//   AddWeightGradients sum_i g_ij u_i / |w_j|, by cuBLAS, and AddClasses, which
//                      takes out what is along w_j
// and once:
//   FindNormGradients  by the rows' factors of the scale, where there are some

namespace caffe {

using namespace margin_softmax;  // NOLINT(build/namespaces)

namespace {

inline int Ceil(const int count, const int each) {
  return (count + each - 1) / each;
}

// A row-major matrix, or its transpose, and how far its rows lie apart.
template <typename Dtype>
struct Matrix {
  const Dtype* data;
  int stride;
  cublasOperation_t op;
};

// c = a b + beta c, c being (rows x columns). cuBLAS's matrices are column-
// major: it sees each of them transposed, and the product the other way round.
inline cublasStatus_t Multiply(const int rows, const int columns,
    const int inner, const Matrix<float>& a, const Matrix<float>& b,
    const float beta, float* c, const int stride) {
  const float one = 1;
  return cublasSgemm(Caffe::cublas_handle(), b.op, a.op, columns, rows, inner,
      &one, b.data, b.stride, a.data, a.stride, &beta, c, stride);
}

inline cublasStatus_t Multiply(const int rows, const int columns,
    const int inner, const Matrix<double>& a, const Matrix<double>& b,
    const double beta, double* c, const int stride) {
  const double one = 1;
  return cublasDgemm(Caffe::cublas_handle(), b.op, a.op, columns, rows, inner,
      &one, b.data, b.stride, a.data, a.stride, &beta, c, stride);
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
  block_ = std::max(64,
      static_cast<int>(std::min<size_t>(whole, block_bytes_ / each / 64 * 64)));
  keep_ = static_cast<size_t>(rows) * whole * sizeof(Dtype) <= keep_bytes;
  product_.Reserve(static_cast<size_t>(rows) * (keep_ ? whole : block_));
  inverse_norm_.Reserve(whole);
  if (chosen) { weight_.Reserve(static_cast<size_t>(block_) * dim); }
  target_cosine_.Reserve(rows);
  inverse_normalizer_.Reserve(1);
  part_.Reserve(
      static_cast<size_t>(rows) * Blocks() * Ceil(block_, ChunkSize<Dtype>()));
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
  return chosen_ ? weight_.data()
                 : weight + static_cast<size_t>(Begin(block)) * dim_;
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
void GpuMarginSoftmax<Dtype>::FindProducts(const int block,
    const MarginBatch<Dtype>& batch) {
  const Matrix<Dtype> unit = {batch.unit, dim_, CUBLAS_OP_N};
  const Matrix<Dtype> weight = {
      BlockWeight(block, batch.weight), dim_, CUBLAS_OP_T};
  CUBLAS_CHECK(Multiply(rows_, Size(block), dim_, unit, weight, Dtype(0),
      BlockProducts(block), Stride()));
}

template <typename Dtype>
ClassBlock<Dtype> GpuMarginSoftmax<Dtype>::Block(const int block) {
  const ClassBlock<Dtype> result = {Begin(block), Size(block),
      inverse_norm_.data() + Begin(block), BlockProducts(block), Stride()};
  return result;
}

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::Forward(const MarginBatch<Dtype>& batch,
    const margin::LossMargin<Dtype>& psi, const Dtype normalizer, Dtype* loss,
    Dtype* statistics) {
  const BatchRows<Dtype> rows = {rows_, batch.target, batch.scale, batch.norm};
  const int block_parts = Ceil(block_, ChunkSize<Dtype>());
  const int row_parts = (Blocks() - 1) * block_parts +
      Ceil(Size(Blocks() - 1), ChunkSize<Dtype>());
  for (int block = 0; block < Blocks(); ++block) {
    Prepare(block, batch.weight);
    FindProducts(block, batch);
    const int chunks = Ceil(Size(block), ChunkSize<Dtype>());
    // NOLINT_NEXT_LINE(whitespace/operators)
    ScanChunk<Dtype><<<chunks * rows_, kThreads>>>(rows, Block(block),
        row_parts, block * block_parts, part_.data(), target_cosine_.data());
    CUDA_POST_KERNEL_CHECK;
  }
  // NOLINT_NEXT_LINE(whitespace/operators)
  FinishRows<Dtype><<<Ceil(rows_, kWarps), kThreads>>>(rows, psi, row_parts,
      part_.data(), target_cosine_.data(), row_.data());
  CUDA_POST_KERNEL_CHECK;
  const BatchResult<Dtype> result = {
      loss, inverse_normalizer_.data(), statistics};
  // NOLINT_NEXT_LINE(whitespace/operators)
  Totals<Dtype><<<1, kThreads>>>(rows, row_.data(), normalizer, result);
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::Backward(const MarginBatch<Dtype>& batch,
    const Dtype* loss_diff, const MarginGradients<Dtype>& gradients) {
  const BatchRows<Dtype> rows = {rows_, batch.target, batch.scale, batch.norm};
  const Importance<Dtype> importance = {loss_diff, inverse_normalizer_.data()};
  const int tiles = Ceil(rows_, kTileRows);
  gradient_.Reserve(static_cast<size_t>(rows_) * block_);
  along_.Reserve(static_cast<size_t>(tiles) * block_);
  if (chosen_) { weight_diff_.Reserve(static_cast<size_t>(block_) * dim_); }
  for (int block = 0; block < Blocks(); ++block) {
    if (chosen_) { Prepare(block, batch.weight); }
    if (!keep_) { FindProducts(block, batch); }
    const dim3 grid(Ceil(Size(block), kWarpSize * VectorWidth<Dtype>()), tiles);
    // NOLINT_NEXT_LINE(whitespace/operators)
    FindGradients<Dtype><<<grid, kThreads>>>(rows, Block(block), row_.data(),
        importance, block_, gradient_.data(), along_.data());
    CUDA_POST_KERNEL_CHECK;
    if (gradients.unit) {
      const Matrix<Dtype> gradient = {gradient_.data(), block_, CUBLAS_OP_N};
      const Matrix<Dtype> weight = {
          BlockWeight(block, batch.weight), dim_, CUBLAS_OP_N};
      CUBLAS_CHECK(Multiply(rows_, dim_, Size(block), gradient, weight,
          Dtype(block > 0), gradients.unit, dim_));
    }
    if (gradients.weight) {
      AddWeightGradients(block, batch, gradients.weight);
    }
  }
  if (gradients.norm) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    FindNormGradients<Dtype>
        <<<CAFFE_GET_BLOCKS(rows_), CAFFE_CUDA_NUM_THREADS>>>(rows, row_.data(),
            importance, gradients.norm);
    CUDA_POST_KERNEL_CHECK;
  }
}

template <typename Dtype>
void GpuMarginSoftmax<Dtype>::AddWeightGradients(const int block,
    const MarginBatch<Dtype>& batch, Dtype* weight_diff) {
  const int begin = Begin(block);
  const int size = Size(block);
  // All classes: the product is added to their gradients where they are.
  // Chosen ones: it comes into a part of its own, which is then scattered.
  const WeightBlock<Dtype> own = {dim_, BlockWeight(block, batch.weight),
      chosen_ ? chosen_ + begin : NULL, chosen_ ? weight_diff_.data() : NULL};
  const AlongWeights<Dtype> along = {
      Ceil(rows_, kTileRows), block_, along_.data()};
  Dtype* diff =
      chosen_ ? weight_diff : weight_diff + static_cast<size_t>(begin) * dim_;
  const Matrix<Dtype> gradient = {gradient_.data(), block_, CUBLAS_OP_T};
  const Matrix<Dtype> unit = {batch.unit, dim_, CUBLAS_OP_N};
  CUBLAS_CHECK(Multiply(size, dim_, rows_, gradient, unit,
      Dtype(chosen_ == NULL), chosen_ ? weight_diff_.data() : diff, dim_));
  const int blocks = Ceil(size, kWarps);
  if (RowsAreAligned(dim_, own.weight) && RowsAreAligned(dim_, diff)) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    AddClasses<Dtype, VectorWidth<Dtype>()>
        <<<blocks, kThreads>>>(Block(block), along, own, diff);
  } else {
    // NOLINT_NEXT_LINE(whitespace/operators)
    AddClasses<Dtype, 1><<<blocks, kThreads>>>(Block(block), along, own, diff);
  }
  CUDA_POST_KERNEL_CHECK;
}

template class GpuMarginSoftmax<float>;
template class GpuMarginSoftmax<double>;

}  // namespace caffe
