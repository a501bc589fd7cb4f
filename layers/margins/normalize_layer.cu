// installed by amcaffe
#include <vector>

#include "caffe/layers/normalize_layer.hpp"
#include "caffe/layers/normalize_rows.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void NormalizeLayer<Dtype>::Forward_gpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  caffe_gpu_normalize(norm_type_, bottom[0]->shape(0), bottom[0]->shape(1),
      spatial_, bottom[0]->gpu_data(), top[0]->mutable_gpu_data(),
      norm_.mutable_gpu_data());
  if (top.size() == 2) {
    caffe_copy(norm_.count(), norm_.gpu_data(), top[1]->mutable_gpu_data());
  }
}

template <typename Dtype>
void NormalizeLayer<Dtype>::Backward_gpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  if (!propagate_down[0]) { return; }
  caffe_gpu_normalize_backward(norm_type_, bottom[0]->shape(0),
      bottom[0]->shape(1), spatial_, bottom[0]->gpu_data(), bottom[0] == top[0],
      norm_.gpu_data(), top[0]->gpu_diff(),
      bp_norm_ ? top[1]->gpu_diff() : NULL, !fix_gradient_, false,
      bottom[0]->mutable_gpu_diff());
}

INSTANTIATE_LAYER_GPU_FUNCS(NormalizeLayer);

}  // namespace caffe
