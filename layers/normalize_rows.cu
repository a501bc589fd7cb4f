// installed by amcaffe
#include "caffe/common.hpp"
#include "caffe/util/channel_tiles.hpp"
#include "caffe/util/normalize_rows.hpp"

namespace caffe {

using margin::Norm;

namespace {

template <typename Dtype>
__global__ void NormalizeForward(const Norm kind, const int channels,
    const int spatial, const int tiles, const Dtype* x, Dtype* y,
    Dtype* norm) {
  const int n = blockIdx.x / tiles;
  const int s = blockIdx.x % tiles * blockDim.x + threadIdx.x;
  const bool inside = s < spatial;
  const int offset = n * channels * spatial + s;
  Dtype sum = 0;
  for (int c = threadIdx.y; inside && c < channels; c += blockDim.y) {
    sum += margin::NormTerm(kind, x[offset + c * spatial]).value;
  }
  const Dtype length = margin::NormOfSum(kind, SumOverLanes(sum));
  const Dtype factor = margin::InverseNorm(length);
  for (int c = threadIdx.y; inside && y && c < channels; c += blockDim.y) {
    y[offset + c * spatial] = x[offset + c * spatial] * factor;
  }
  if (inside && norm && threadIdx.y == 0) {
    norm[n * spatial + s] = length;
  }
}

template <typename Dtype>
__global__ void NormalizeBackward(const Norm kind, const int channels,
    const int spatial, const int tiles, const Dtype* x, const bool normalized,
    const Dtype* norm, const Dtype* dy, const Dtype* norm_diff,
    const bool divide, const bool add, Dtype* dx) {
  const int n = blockIdx.x / tiles;
  const int s = blockIdx.x % tiles * blockDim.x + threadIdx.x;
  const bool inside = s < spatial;
  const int offset = n * channels * spatial + s;
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
    const int i = offset + c * spatial;
    dx[i] = (add ? dx[i] : Dtype(0)) + gradient.diff * dy[i] +
        gradient.direction * margin::NormTerm(kind, x[i]).slope;
  }
}

}  // namespace

template <typename Dtype>
void caffe_gpu_normalize(Norm kind, int num, int channels, int spatial,
    const Dtype* x, Dtype* y, Dtype* norm) {
  const ChannelTiles tiles(num, spatial);
  if (tiles.blocks == 0) { return; }
  // NOLINT_NEXT_LINE(whitespace/operators)
  NormalizeForward<Dtype><<<tiles.blocks, tiles.threads>>>(
      kind, channels, spatial, tiles.per_item, x, y, norm);
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void caffe_gpu_normalize_backward(Norm kind, int num, int channels,
    int spatial, const Dtype* x, bool normalized, const Dtype* norm,
    const Dtype* dy, const Dtype* norm_diff, bool divide, bool add,
    Dtype* dx) {
  const ChannelTiles tiles(num, spatial);
  if (tiles.blocks == 0) { return; }
  // NOLINT_NEXT_LINE(whitespace/operators)
  NormalizeBackward<Dtype><<<tiles.blocks, tiles.threads>>>(
      kind, channels, spatial, tiles.per_item, x, normalized, norm, dy,
      norm_diff, divide, add, dx);
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void caffe_gpu_normalize_rows(int rows, int cols, bool transposed,
    Dtype* weight) {
  caffe_gpu_normalize<Dtype>(margin::UNIT, transposed ? 1 : rows, cols,
      transposed ? rows : 1, weight, weight, NULL);
}

#define INSTANTIATE_GPU_NORMALIZE(Dtype) \
  template void caffe_gpu_normalize<Dtype>(Norm, int, int, int, \
      const Dtype*, Dtype*, Dtype*); \
  template void caffe_gpu_normalize_backward<Dtype>(Norm, int, int, int, \
      const Dtype*, bool, const Dtype*, const Dtype*, const Dtype*, bool, \
      bool, Dtype*); \
  template void caffe_gpu_normalize_rows<Dtype>(int, int, bool, Dtype*)

INSTANTIATE_GPU_NORMALIZE(float);
INSTANTIATE_GPU_NORMALIZE(double);

}  // namespace caffe
