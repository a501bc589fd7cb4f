// installed by amcaffe
#include <vector>

#include "caffe/layers/normalize_rows.hpp"
#include "caffe/layers/normalized_inner_product_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void NormalizedInnerProductLayer<Dtype>::Forward_gpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  caffe_gpu_normalize(margin::UNIT, N_, K_, 1, this->blobs_[0]->gpu_data(),
      unit_weight_.mutable_gpu_data(), weight_norm_.mutable_gpu_data());
  const Dtype* input = bottom[0]->gpu_data();
  if (normalize_input_) {
    caffe_gpu_normalize(margin::UNIT, M_, K_, 1, input,
        unit_input_.mutable_gpu_data(), input_norm_.mutable_gpu_data());
    input = unit_input_.gpu_data();
  }
  caffe_gpu_gemm<Dtype>(CblasNoTrans, CblasTrans, M_, N_, K_, Dtype(1), input,
      unit_weight_.gpu_data(), Dtype(0), top[0]->mutable_gpu_data());
}

template <typename Dtype>
void NormalizedInnerProductLayer<Dtype>::Backward_gpu(
    const vector<Blob<Dtype>*>& top, const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  const Dtype* top_diff = top[0]->gpu_diff();
  if (this->param_propagate_down_[0]) {
    // By the unit weights first, then through their normalisation.
    Dtype* unit_diff = unit_weight_.mutable_gpu_diff();
    caffe_gpu_gemm<Dtype>(CblasTrans, CblasNoTrans, N_, K_, M_, Dtype(1),
        top_diff, (normalize_input_ ? unit_input_ : *bottom[0]).gpu_data(),
        Dtype(0), unit_diff);
    caffe_gpu_normalize_backward<Dtype>(margin::UNIT, N_, K_, 1,
        unit_weight_.gpu_data(), true, weight_norm_.gpu_data(), unit_diff, NULL,
        true, true, this->blobs_[0]->mutable_gpu_diff());
  }
  if (propagate_down[0]) {
    Dtype* bottom_diff = bottom[0]->mutable_gpu_diff();
    caffe_gpu_gemm<Dtype>(CblasNoTrans, CblasNoTrans, M_, K_, N_, Dtype(1),
        top_diff, unit_weight_.gpu_data(), Dtype(0), bottom_diff);
    if (normalize_input_) {
      caffe_gpu_normalize_backward<Dtype>(margin::UNIT, M_, K_, 1,
          unit_input_.gpu_data(), true, input_norm_.gpu_data(), bottom_diff,
          NULL, true, false, bottom_diff);
    }
  }
}

INSTANTIATE_LAYER_GPU_FUNCS(NormalizedInnerProductLayer);

}  // namespace caffe
