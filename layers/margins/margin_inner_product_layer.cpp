// installed by amcaffe
#include <vector>

#include "caffe/layers/class_weight.hpp"
#include "caffe/layers/kept_number.hpp"
#include "caffe/layers/margin_inner_product_layer.hpp"
#include "caffe/layers/margin_param.hpp"
#include "caffe/layers/normalize_rows.hpp"
#include "caffe/util/layer_state.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void MarginInnerProductLayer<Dtype>::LayerSetUp(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  const MarginInnerProductParameter& param =
      this->layer_param_.margin_inner_product_param();
  CheckLambda(this->layer_param_, param);
  K_ = bottom[0]->count(bottom[0]->CanonicalAxisIndex(param.axis()));
  margin_.m = param.type() + 1;
  active_ = this->phase_ == TRAIN || param.transform_test();
  anneal_ = param.gamma() != 0;
  N_ = SetUpClassWeight(this->layer_param_, param, K_, &this->blobs_);
  if (anneal_) {
    KeepNumber<Dtype>(1, param.iteration(), "the count of iterations",
        &this->layer_param_, &this->blobs_);
  }
  this->param_propagate_down_.resize(this->blobs_.size(), true);
}

template <typename Dtype>
void MarginInnerProductLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  label_check_.Report();
  const int axis = bottom[0]->CanonicalAxisIndex(
      this->layer_param_.margin_inner_product_param().axis());
  CheckVectors(this->layer_param_, *bottom[0], axis, K_);
  M_ = bottom[0]->count(0, axis);
  CHECK_GT(bottom[0]->count(), 0)
      << LayerPrefix(this->layer_param_)
      << "bottom[0] must not be empty, but its shape is "
      << bottom[0]->shape_string() << ".";
  CHECK_EQ(bottom[1]->count(), M_)
      << LayerPrefix(this->layer_param_)
      << "bottom[1] must hold one label for each input, but the shapes are "
      << bottom[1]->shape_string() << " and " << bottom[0]->shape_string()
      << ", with vectors from axis " << axis << " on. Were the two bottoms "
      << "swapped?";
  CheckKernelLimit(this->layer_param_, *bottom[0]);
  top[0]->Reshape(ScoresShape(this->layer_param_, *bottom[0], axis, N_));
  if (top.size() == 2) { top[1]->Reshape(vector<int>(1, 1)); }
  unit_weight_.ReshapeLike(*this->blobs_[0]);
  weight_norm_.Reshape(vector<int>(1, N_));
  input_norm_.Reshape(vector<int>(1, M_));
  slope_.ReshapeLike(input_norm_);
  radial_.ReshapeLike(input_norm_);
  kept_.ReshapeLike(input_norm_);
}

template <typename Dtype>
void MarginInnerProductLayer<Dtype>::NextLambda(
    const vector<Blob<Dtype>*>& top) {
  margin_.lambda = 0;
  if (active_) {
    const MarginInnerProductParameter& param =
        this->layer_param_.margin_inner_product_param();
    const Dtype done = anneal_ ? this->blobs_[1]->cpu_data()[0] : Dtype(0);
    margin_.lambda = margin::AnnealedLambda<Dtype>(param.base(), param.gamma(),
        param.power(), param.lambda_min(), done + 1);
    if (anneal_ && this->phase_ == TRAIN) {
      this->blobs_[1]->mutable_cpu_data()[0] = done + 1;
    }
  }
  if (top.size() == 2) { top[1]->mutable_cpu_data()[0] = margin_.lambda; }
}

template <typename Dtype>
void MarginInnerProductLayer<Dtype>::Forward_cpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  if (active_) { CheckLabels(this->layer_param_, N_, *bottom[1]); }
  NextLambda(top);
  caffe_cpu_normalize(margin::UNIT, N_, K_, 1, this->blobs_[0]->cpu_data(),
      unit_weight_.mutable_cpu_data(), weight_norm_.mutable_cpu_data());
  const Dtype* input = bottom[0]->cpu_data();
  Dtype* logits = top[0]->mutable_cpu_data();
  caffe_cpu_gemm<Dtype>(CblasNoTrans, CblasTrans, M_, N_, K_, Dtype(1), input,
      unit_weight_.cpu_data(), Dtype(0), logits);
  if (!active_) { return; }
  caffe_cpu_normalize<Dtype>(margin::UNIT, M_, K_, 1, input, NULL,
      input_norm_.mutable_cpu_data());
  const Dtype* label = bottom[1]->cpu_data();
  const Dtype* norm = input_norm_.cpu_data();
  Dtype* slope = slope_.mutable_cpu_data();
  Dtype* radial = radial_.mutable_cpu_data();
  for (int i = 0; i < M_; ++i) {
    margin::ForwardLengthRow(i, N_, label, margin_, norm, logits, slope,
        radial);
  }
}

template <typename Dtype>
void MarginInnerProductLayer<Dtype>::Backward_cpu(
    const vector<Blob<Dtype>*>& top, const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  CheckNoLabelGradient(this->layer_param_, propagate_down[1]);
  const Dtype* input = bottom[0]->cpu_data();
  const Dtype* label = bottom[1]->cpu_data();
  // The products take the gradient by |x| cos, which differs from the top's at
  // the targets only: it is made there, and taken back below.
  Dtype* top_diff = top[0]->mutable_cpu_diff();
  Dtype* kept = kept_.mutable_cpu_data();
  for (int i = 0; active_ && i < M_; ++i) {
    margin::ScaleTarget(i, N_, label, slope_.cpu_data(), top_diff, kept);
  }
  if (this->param_propagate_down_[0]) {
    // By the unit weights first, then through their normalisation.
    Dtype* unit_diff = unit_weight_.mutable_cpu_diff();
    caffe_cpu_gemm<Dtype>(CblasTrans, CblasNoTrans, N_, K_, M_, Dtype(1),
        top_diff, input, Dtype(0), unit_diff);
    caffe_cpu_normalize_backward<Dtype>(margin::UNIT, N_, K_, 1,
        unit_weight_.cpu_data(), true, weight_norm_.cpu_data(), unit_diff, NULL,
        true, true, this->blobs_[0]->mutable_cpu_diff());
  }
  if (propagate_down[0]) {
    Dtype* bottom_diff = bottom[0]->mutable_cpu_diff();
    caffe_cpu_gemm<Dtype>(CblasNoTrans, CblasNoTrans, M_, K_, N_, Dtype(1),
        top_diff, unit_weight_.cpu_data(), Dtype(0), bottom_diff);
    for (int i = 0; active_ && i < M_; ++i) {
      caffe_axpy(K_, kept[i] * radial_.cpu_data()[i], input + i * K_,
          bottom_diff + i * K_);
    }
  }
  for (int i = 0; active_ && i < M_; ++i) {
    margin::RestoreTarget(i, N_, label, kept, top_diff);
  }
}

#ifdef CPU_ONLY
STUB_GPU(MarginInnerProductLayer);
#endif

INSTANTIATE_CLASS(MarginInnerProductLayer);
REGISTER_LAYER_CLASS(MarginInnerProduct);
REGISTER_LAYER_STATE(MarginInnerProduct, 1);

}  // namespace caffe
