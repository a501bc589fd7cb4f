// installed by amcaffe
#ifndef CAFFE_CHANNEL_TILES_HPP_
#define CAFFE_CHANNEL_TILES_HPP_

// For .cu files: how kernels share the sums over the channels of (num x
// channels x spatial) numbers.

namespace caffe {

const int kTileThreads = 256;  // per block; a power of two, for the reduction

// A block takes blockDim.x neighbouring positions of one item, and its
// blockDim.y lanes share the channels. Neighbouring threads then read
// neighbouring memory whether a vector is contiguous (one position: 1 x 256)
// or strided (many positions: 32 x 8).
struct ChannelTiles {
  ChannelTiles(const int num, const int spatial)
      : across(1), per_item(0), threads(1), blocks(0) {
    while (across < spatial && across < 32) { across *= 2; }
    per_item = (spatial + across - 1) / across;
    threads = dim3(across, kTileThreads / across);
    blocks = num * per_item;
  }
  int across, per_item;
  dim3 threads;
  int blocks;
};

// The sum over a position's lanes, in an order fixed by the block's shape, for
// all of these lanes. Every thread of the block must call it.
template <typename Dtype>
__device__ Dtype SumOverLanes(const Dtype value) {
  __shared__ Dtype partial[kTileThreads];
  const int thread = threadIdx.y * blockDim.x + threadIdx.x;
  partial[thread] = value;
  for (unsigned int lanes = blockDim.y / 2; lanes > 0; lanes /= 2) {
    __syncthreads();
    if (threadIdx.y < lanes) {
      partial[thread] += partial[thread + lanes * blockDim.x];
    }
  }
  __syncthreads();
  return partial[threadIdx.x];
}

}  // namespace caffe

#endif  // CAFFE_CHANNEL_TILES_HPP_
