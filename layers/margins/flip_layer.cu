// installed by amcaffe
#include <vector>

#include "caffe/layers/flip_layer.hpp"

namespace caffe {

template <typename Dtype>
__global__ void Mirror(const int count, const int height, const int width,
    const bool flip_height, const bool flip_width, const Dtype* from,
    Dtype* to) {
  CUDA_KERNEL_LOOP(index, count) {
    const int w = index % width;
    const int h = index / width % height;
    const int image = index / width / height;
    to[index] =
        from[(image * height + (flip_height ? height - 1 - h : h)) * width +
            (flip_width ? width - 1 - w : w)];
  }
}

template <typename Dtype>
void FlipLayer<Dtype>::Mirror_gpu(const Blob<Dtype>& shape, const Dtype* from,
    Dtype* to) {
  // NOLINT_NEXT_LINE(whitespace/operators)
  Mirror<Dtype><<<CAFFE_GET_BLOCKS(shape.count()), CAFFE_CUDA_NUM_THREADS>>>(
      shape.count(), shape.shape(2), shape.shape(3), flip_height_, flip_width_,
      from, to);
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void FlipLayer<Dtype>::Forward_gpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  Mirror_gpu(*bottom[0], bottom[0]->gpu_data(), top[0]->mutable_gpu_data());
}

template <typename Dtype>
void FlipLayer<Dtype>::Backward_gpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  if (propagate_down[0]) {
    Mirror_gpu(*bottom[0], top[0]->gpu_diff(), bottom[0]->mutable_gpu_diff());
  }
}

INSTANTIATE_LAYER_GPU_FUNCS(FlipLayer);

}  // namespace caffe
