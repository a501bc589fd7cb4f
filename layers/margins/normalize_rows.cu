// installed by amcaffe
#include "caffe/common.hpp"
#include "caffe/layers/channel_tiles.hpp"
#include "caffe/layers/gpu_vectors.hpp"
#include "caffe/layers/normalize_rows.hpp"

namespace caffe {

using margin::Norm;

namespace {

template <typename Dtype>
__global__ void NormalizeForward(const Norm kind, const int channels,
    const int spatial, const int tiles, const Dtype* x, Dtype* y, Dtype* norm) {
  const int n = blockIdx.x / tiles;
  const int s = blockIdx.x % tiles * blockDim.x + threadIdx.x;
  const bool inside = s < spatial;
  const size_t offset = static_cast<size_t>(n) * channels * spatial + s;
  Dtype sum = 0;
  for (int c = threadIdx.y; inside && c < channels; c += blockDim.y) {
    sum += margin::NormTerm(kind, x[offset + c * spatial]).value;
  }
  const Dtype length = margin::NormOfSum(kind, SumOverLanes(sum));
  const Dtype factor = margin::InverseNorm(length);
  for (int c = threadIdx.y; inside && y && c < channels; c += blockDim.y) {
    y[offset + c * spatial] = x[offset + c * spatial] * factor;
  }
  if (inside && norm && threadIdx.y == 0) { norm[n * spatial + s] = length; }
}

template <typename Dtype>
__global__ void NormalizeBackward(const Norm kind, const int channels,
    const int spatial, const int tiles, const Dtype* x, const bool normalized,
    const Dtype* norm, const Dtype* dy, const Dtype* norm_diff,
    const bool divide, const bool add, Dtype* dx) {
  const int n = blockIdx.x / tiles;
  const int s = blockIdx.x % tiles * blockDim.x + threadIdx.x;
  const bool inside = s < spatial;
  const size_t offset = static_cast<size_t>(n) * channels * spatial + s;
  Dtype product = 0;
  for (int c = threadIdx.y; inside && c < channels; c += blockDim.y) {
    product += x[offset + c * spatial] * dy[offset + c * spatial];
  }
  const Dtype dot = SumOverLanes(product);
  if (!inside) { return; }
  const Dtype length = norm[n * spatial + s];
  const margin::NormGradient<Dtype> gradient = margin::BackwardNorm(kind,
      length, normalized ? Dtype(1) : margin::InverseNorm(length), dot,
      norm_diff ? norm_diff[n * spatial + s] : Dtype(0), divide);
  for (int c = threadIdx.y; c < channels; c += blockDim.y) {
    const size_t i = offset + static_cast<size_t>(c) * spatial;
    dx[i] = (add ? dx[i] : Dtype(0)) + gradient.diff * dy[i] +
        gradient.direction * margin::NormTerm(kind, x[i]).slope;
  }
}

// Short contiguous vectors that can be read 16 bytes at a time have a warp
// each, and no barrier.

const int kRowsOfBlock = 8;

template <typename Dtype>
inline bool AreShortRows(const int channels, const int spatial,
    const Dtype* x) {
  return spatial == 1 && channels <= 2048 && RowsAreAligned(channels, x);
}

template <typename Dtype>
__global__ void NormalizeRows(const Norm kind, const int rows, const int length,
    const Dtype* x, Dtype* y, Dtype* norm) {
  const int width = VectorWidth<Dtype>();
  const int i = blockIdx.x * kRowsOfBlock + threadIdx.x / kWarpSize;
  if (i >= rows) { return; }
  const int lane = threadIdx.x % kWarpSize;
  const size_t row = static_cast<size_t>(i) * length;
  Dtype sum = 0;
  for (int k = lane * width; k < length; k += kWarpSize * width) {
    const Vector<Dtype, width> v = Load<width>(x + row + k);
#pragma unroll
    for (int e = 0; e < width; ++e) {
      sum += margin::NormTerm(kind, v.at[e]).value;
    }
  }
  const Dtype size = margin::NormOfSum(kind, WarpSum(sum));
  const Dtype factor = margin::InverseNorm(size);
  for (int k = lane * width; y && k < length; k += kWarpSize * width) {
    Vector<Dtype, width> v = Load<width>(x + row + k);
#pragma unroll
    for (int e = 0; e < width; ++e) { v.at[e] *= factor; }
    Store(v, y + row + k);
  }
  if (norm && lane == 0) { norm[i] = size; }
}

template <typename Dtype>
__global__ void NormalizeRowsBackward(const Norm kind, const int rows,
    const int length, const Dtype* x, const bool normalized, const Dtype* norm,
    const Dtype* dy, const Dtype* norm_diff, const bool divide, const bool add,
    Dtype* dx) {
  const int width = VectorWidth<Dtype>();
  const int i = blockIdx.x * kRowsOfBlock + threadIdx.x / kWarpSize;
  if (i >= rows) { return; }
  const int lane = threadIdx.x % kWarpSize;
  const size_t row = static_cast<size_t>(i) * length;
  Dtype product = 0;
  for (int k = lane * width; k < length; k += kWarpSize * width) {
    const Vector<Dtype, width> v = Load<width>(x + row + k);
    const Vector<Dtype, width> dv = Load<width>(dy + row + k);
#pragma unroll
    for (int e = 0; e < width; ++e) { product += v.at[e] * dv.at[e]; }
  }
  const Dtype dot = WarpSum(product);
  const margin::NormGradient<Dtype> gradient = margin::BackwardNorm(kind,
      norm[i], normalized ? Dtype(1) : margin::InverseNorm(norm[i]), dot,
      norm_diff ? norm_diff[i] : Dtype(0), divide);
  for (int k = lane * width; k < length; k += kWarpSize * width) {
    const Vector<Dtype, width> v = Load<width>(x + row + k);
    const Vector<Dtype, width> dv = Load<width>(dy + row + k);
    Vector<Dtype, width> sum;
    if (add) {
      sum = Load<width>(dx + row + k);
    } else {
#pragma unroll
      for (int e = 0; e < width; ++e) { sum.at[e] = 0; }
    }
#pragma unroll
    for (int e = 0; e < width; ++e) {
      sum.at[e] += gradient.diff * dv.at[e] +
          gradient.direction * margin::NormTerm(kind, v.at[e]).slope;
    }
    Store(sum, dx + row + k);
  }
}

}  // namespace

template <typename Dtype>
void caffe_gpu_normalize(Norm kind, int num, int channels, int spatial,
    const Dtype* x, Dtype* y, Dtype* norm) {
  const ChannelTiles tiles(num, spatial);
  if (tiles.blocks == 0) { return; }
  if (AreShortRows(channels, spatial, x) && RowsAreAligned(channels, y)) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    NormalizeRows<Dtype>
        <<<(num + kRowsOfBlock - 1) / kRowsOfBlock, kRowsOfBlock * kWarpSize>>>(
            kind, num, channels, x, y, norm);
    CUDA_POST_KERNEL_CHECK;
    return;
  }
  // NOLINT_NEXT_LINE(whitespace/operators)
  NormalizeForward<Dtype><<<tiles.blocks, tiles.threads>>>(kind, channels,
      spatial, tiles.per_item, x, y, norm);
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void caffe_gpu_normalize_backward(Norm kind, int num, int channels, int spatial,
    const Dtype* x, bool normalized, const Dtype* norm, const Dtype* dy,
    const Dtype* norm_diff, bool divide, bool add, Dtype* dx) {
  const ChannelTiles tiles(num, spatial);
  if (tiles.blocks == 0) { return; }
  if (AreShortRows(channels, spatial, x) && RowsAreAligned(channels, dy) &&
      RowsAreAligned(channels, dx)) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    NormalizeRowsBackward<Dtype>
        <<<(num + kRowsOfBlock - 1) / kRowsOfBlock, kRowsOfBlock * kWarpSize>>>(
            kind, num, channels, x, normalized, norm, dy, norm_diff, divide,
            add, dx);
    CUDA_POST_KERNEL_CHECK;
    return;
  }
  // NOLINT_NEXT_LINE(whitespace/operators)
  NormalizeBackward<Dtype><<<tiles.blocks, tiles.threads>>>(kind, channels,
      spatial, tiles.per_item, x, normalized, norm, dy, norm_diff, divide, add,
      dx);
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void caffe_gpu_normalize_rows(int rows, int cols, bool transposed,
    Dtype* weight) {
  caffe_gpu_normalize<Dtype>(margin::UNIT, transposed ? 1 : rows, cols,
      transposed ? rows : 1, weight, weight, NULL);
}

#define INSTANTIATE_GPU_NORMALIZE(Dtype) \
  template void caffe_gpu_normalize<Dtype>(Norm, int, int, int, const Dtype*, \
      Dtype*, Dtype*); \
  template void caffe_gpu_normalize_backward<Dtype>(Norm, int, int, int, \
      const Dtype*, bool, const Dtype*, const Dtype*, const Dtype*, bool, \
      bool, Dtype*); \
  template void caffe_gpu_normalize_rows<Dtype>(int, int, bool, Dtype*)

INSTANTIATE_GPU_NORMALIZE(float);
INSTANTIATE_GPU_NORMALIZE(double);

}  // namespace caffe
