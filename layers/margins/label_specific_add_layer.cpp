// installed by amcaffe
#include <cmath>
#include <vector>

#include "caffe/layers/kept_number.hpp"
#include "caffe/layers/label_specific_add_layer.hpp"
#include "caffe/util/layer_state.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void LabelSpecificAddLayer<Dtype>::LayerSetUp(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  const LabelSpecificAddParameter& param =
      this->layer_param_.label_specific_add_param();
  margin_.bias = param.bias();
  margin_.unconditional = param.unconditional();
  active_ = this->phase_ == TRAIN || param.transform_test();
  anneal_ = param.has_bias_base();
  if (!anneal_) { return; }
  CHECK_LE(param.bias_min(), param.bias_max())
      << LayerPrefix(this->layer_param_) << "bias_min must not be above "
      << "bias_max; bias_base is set, so the bias is limited to that range.";
  KeepNumber<Dtype>(0, param.iteration(), "the count of iterations",
      &this->layer_param_, &this->blobs_);
}

template <typename Dtype>
void LabelSpecificAddLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  label_check_.Report();
  CheckLabelShape(this->layer_param_, *bottom[0], *bottom[1]);
  top[0]->ReshapeLike(*bottom[0]);
  if (top.size() == 2) { top[1]->Reshape(vector<int>(1, 1)); }
}

template <typename Dtype>
Dtype LabelSpecificAddLayer<Dtype>::NextBias() {
  if (!anneal_) { return margin_.bias; }
  const LabelSpecificAddParameter& param =
      this->layer_param_.label_specific_add_param();
  const Dtype iteration = this->blobs_[0]->cpu_data()[0];
  const Dtype bias =
      margin::AnnealedBias<Dtype>(param.bias_base(), param.bias_gamma(),
          param.bias_power(), param.bias_min(), param.bias_max(), iteration);
  CHECK(!std::isnan(bias))
      << LayerPrefix(this->layer_param_) << "the annealed "
      << "bias is not a number at iteration " << iteration
      << ". 1 + bias_gamma * iteration is negative there, so bias_power "
      << param.bias_power() << " must be an integer.";
  if (this->phase_ == TRAIN) {
    this->blobs_[0]->mutable_cpu_data()[0] = iteration + 1;
  }
  return bias;
}

template <typename Dtype>
void LabelSpecificAddLayer<Dtype>::Forward_cpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  if (active_) {
    CheckLabels(this->layer_param_, *bottom[0], *bottom[1]);
    margin_.bias = NextBias();
  }
  if (top.size() == 2) {
    top[1]->mutable_cpu_data()[0] = active_ ? margin_.bias : Dtype(0);
  }
  const Dtype* label = bottom[1]->cpu_data();
  Dtype* top_data = top[0]->mutable_cpu_data();
  if (top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), bottom[0]->cpu_data(), top_data);
  }
  if (active_) {
    const int rows = bottom[0]->shape(0);
    const int classes = bottom[0]->count(1);
    for (int i = 0; i < rows; ++i) {
      margin::ForwardRow<Dtype>(i, classes, label, margin_, top_data, NULL);
    }
  }
}

template <typename Dtype>
void LabelSpecificAddLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  CheckNoLabelGradient(this->layer_param_, propagate_down[1]);
  if (propagate_down[0] && top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), top[0]->cpu_diff(),
        bottom[0]->mutable_cpu_diff());
  }
}

#ifdef CPU_ONLY
STUB_GPU(LabelSpecificAddLayer);
#endif

INSTANTIATE_CLASS(LabelSpecificAddLayer);
REGISTER_LAYER_CLASS(LabelSpecificAdd);
REGISTER_LAYER_STATE(LabelSpecificAdd, 0);

}  // namespace caffe
