// installed by amcaffe
#include <vector>

#include "caffe/layers/channel_scale_layer.hpp"
#include "caffe/layers/channel_tiles.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
__global__ void ScaleChannels(const int count, const int channels,
    const int spatial, const Dtype* s, const Dtype* x, Dtype* y) {
  CUDA_KERNEL_LOOP(i, count) {
    const int n = i / (channels * spatial);
    y[i] = s[n * spatial + i % spatial] * x[i];
  }
}

template <typename Dtype>
__global__ void ChannelScaleGradient(const int channels, const int spatial,
    const int tiles, const Dtype* x, const Dtype* dy, Dtype* ds) {
  const int n = blockIdx.x / tiles;
  const int s = blockIdx.x % tiles * blockDim.x + threadIdx.x;
  const bool inside = s < spatial;
  const int offset = n * channels * spatial + s;
  Dtype product = 0;
  for (int c = threadIdx.y; inside && c < channels; c += blockDim.y) {
    product += x[offset + c * spatial] * dy[offset + c * spatial];
  }
  const Dtype sum = SumOverLanes(product);
  if (inside && threadIdx.y == 0) { ds[n * spatial + s] = sum; }
}

template <typename Dtype>
void ChannelScaleLayer<Dtype>::Forward_gpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  const ChannelScaleParameter& param = this->layer_param_.channel_scale_param();
  if (param.global_scale()) { NextGlobalScale(*bottom[1], top); }
  const int count = bottom[0]->count();
  const Dtype* x = bottom[0]->gpu_data();
  Dtype* y = top[0]->mutable_gpu_data();
  if (!param.do_forward()) {
    caffe_copy(count, x, y);
  } else if (param.global_scale()) {
    caffe_gpu_scale(count, global_scale_, x, y);
  } else {
    // NOLINT_NEXT_LINE(whitespace/operators)
    ScaleChannels<Dtype><<<CAFFE_GET_BLOCKS(count), CAFFE_CUDA_NUM_THREADS>>>(
        count, channels_, spatial_, bottom[1]->gpu_data(), x, y);
    CUDA_POST_KERNEL_CHECK;
  }
}

template <typename Dtype>
void ChannelScaleLayer<Dtype>::Backward_gpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  const ChannelScaleParameter& param = this->layer_param_.channel_scale_param();
  const int count = bottom[0]->count();
  const Dtype* dy = top[0]->gpu_diff();
  if (propagate_down[0]) {
    Dtype* dx = bottom[0]->mutable_gpu_diff();
    if (!param.do_backward_feature()) {
      caffe_copy(count, dy, dx);
    } else if (param.global_scale()) {
      caffe_gpu_scale(count, global_scale_, dy, dx);
    } else {
      // NOLINT_NEXT_LINE(whitespace/operators)
      ScaleChannels<Dtype><<<CAFFE_GET_BLOCKS(count), CAFFE_CUDA_NUM_THREADS>>>(
          count, channels_, spatial_, bottom[1]->gpu_data(), dy, dx);
      CUDA_POST_KERNEL_CHECK;
    }
  }
  if (propagate_down[1]) {
    Dtype* ds = bottom[1]->mutable_gpu_diff();
    if (!param.do_backward_scale() || param.global_scale()) {
      caffe_gpu_set(bottom[1]->count(), Dtype(0), ds);
      return;
    }
    const ChannelTiles tiles(num_, spatial_);
    // NOLINT_NEXT_LINE(whitespace/operators)
    ChannelScaleGradient<Dtype><<<tiles.blocks, tiles.threads>>>(channels_,
        spatial_, tiles.per_item, bottom[0]->gpu_data(), dy, ds);
    CUDA_POST_KERNEL_CHECK;
  }
}

INSTANTIATE_LAYER_GPU_FUNCS(ChannelScaleLayer);

}  // namespace caffe
