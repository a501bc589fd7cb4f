// installed by amcaffe
#include <vector>

#include "caffe/layers/class_weight.hpp"
#include "caffe/layers/normalize_rows.hpp"
#include "caffe/layers/normalized_inner_product_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void NormalizedInnerProductLayer<Dtype>::LayerSetUp(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  const NormalizedInnerProductParameter& param =
      this->layer_param_.normalized_inner_product_param();
  K_ = bottom[0]->count(bottom[0]->CanonicalAxisIndex(param.axis()));
  N_ = SetUpClassWeight(this->layer_param_, param, K_, &this->blobs_);
  normalize_input_ = param.normalize_input();
  this->param_propagate_down_.resize(this->blobs_.size(), true);
}

template <typename Dtype>
void NormalizedInnerProductLayer<Dtype>::Reshape(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  const int axis = bottom[0]->CanonicalAxisIndex(
      this->layer_param_.normalized_inner_product_param().axis());
  CheckVectors(this->layer_param_, *bottom[0], axis, K_);
  M_ = bottom[0]->count(0, axis);
  top[0]->Reshape(ScoresShape(this->layer_param_, *bottom[0], axis, N_));
  unit_weight_.ReshapeLike(*this->blobs_[0]);
  weight_norm_.Reshape(vector<int>(1, N_));
  if (normalize_input_) {
    unit_input_.ReshapeLike(*bottom[0]);
    input_norm_.Reshape(vector<int>(1, M_));
  }
}

template <typename Dtype>
void NormalizedInnerProductLayer<Dtype>::Forward_cpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  caffe_cpu_normalize(margin::UNIT, N_, K_, 1, this->blobs_[0]->cpu_data(),
      unit_weight_.mutable_cpu_data(), weight_norm_.mutable_cpu_data());
  const Dtype* input = bottom[0]->cpu_data();
  if (normalize_input_) {
    caffe_cpu_normalize(margin::UNIT, M_, K_, 1, input,
        unit_input_.mutable_cpu_data(), input_norm_.mutable_cpu_data());
    input = unit_input_.cpu_data();
  }
  caffe_cpu_gemm<Dtype>(CblasNoTrans, CblasTrans, M_, N_, K_, Dtype(1),
      input, unit_weight_.cpu_data(), Dtype(0), top[0]->mutable_cpu_data());
}

template <typename Dtype>
void NormalizedInnerProductLayer<Dtype>::Backward_cpu(
    const vector<Blob<Dtype>*>& top, const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  const Dtype* top_diff = top[0]->cpu_diff();
  if (this->param_propagate_down_[0]) {
    // By the unit weights first, then through their normalisation.
    Dtype* unit_diff = unit_weight_.mutable_cpu_diff();
    caffe_cpu_gemm<Dtype>(CblasTrans, CblasNoTrans, N_, K_, M_, Dtype(1),
        top_diff, (normalize_input_ ? unit_input_ : *bottom[0]).cpu_data(),
        Dtype(0), unit_diff);
    caffe_cpu_normalize_backward<Dtype>(margin::UNIT, N_, K_, 1,
        unit_weight_.cpu_data(), true, weight_norm_.cpu_data(), unit_diff,
        NULL, true, true, this->blobs_[0]->mutable_cpu_diff());
  }
  if (propagate_down[0]) {
    Dtype* bottom_diff = bottom[0]->mutable_cpu_diff();
    caffe_cpu_gemm<Dtype>(CblasNoTrans, CblasNoTrans, M_, K_, N_, Dtype(1),
        top_diff, unit_weight_.cpu_data(), Dtype(0), bottom_diff);
    if (normalize_input_) {
      caffe_cpu_normalize_backward<Dtype>(margin::UNIT, M_, K_, 1,
          unit_input_.cpu_data(), true, input_norm_.cpu_data(), bottom_diff,
          NULL, true, false, bottom_diff);
    }
  }
}

#ifdef CPU_ONLY
STUB_GPU(NormalizedInnerProductLayer);
#endif

INSTANTIATE_CLASS(NormalizedInnerProductLayer);
REGISTER_LAYER_CLASS(NormalizedInnerProduct);

}  // namespace caffe
