// installed by amcaffe
#include <cmath>
#include <vector>

#include "caffe/layers/combined_margin_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void CombinedMarginLayer<Dtype>::LayerSetUp(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  const CombinedMarginParameter& param =
      this->layer_param_.combined_margin_param();
  CHECK(param.m1() > 0 && std::isfinite(param.m1()) &&
        std::isfinite(param.m2()) && std::isfinite(param.m3())) << "Layer "
      << this->layer_param_.name() << " (" << this->type()
      << "): m1 must be above 0 and all three finite, but (m1, m2, m3) is ("
      << param.m1() << ", " << param.m2() << ", " << param.m3()
      << "). For AM-Softmax set m1: 1 m2: 0.";
  margin_.m1 = param.m1();
  margin_.m2 = param.m2();
  margin_.m3 = param.m3();
  margin_.bound = param.bound() == CombinedMarginParameter_Bound_CLAMP ?
      margin::CLAMP : margin::MONOTONE;
  active_ = this->phase_ == TRAIN || param.transform_test();
}

template <typename Dtype>
void CombinedMarginLayer<Dtype>::Reshape(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  label_check_.Report();
  CheckLabelShape(this->layer_param_, *bottom[0], *bottom[1]);
  top[0]->ReshapeLike(*bottom[0]);
  slope_.Reshape(vector<int>(1, bottom[0]->shape(0)));
}

template <typename Dtype>
void CombinedMarginLayer<Dtype>::Forward_cpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  if (active_) {
    CheckLabels(this->layer_param_, *bottom[0], *bottom[1]);
  }
  const Dtype* label = bottom[1]->cpu_data();
  Dtype* top_data = top[0]->mutable_cpu_data();
  if (top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), bottom[0]->cpu_data(), top_data);
  }
  if (active_) {
    Dtype* slope = slope_.mutable_cpu_data();
    const int rows = bottom[0]->shape(0);
    const int classes = bottom[0]->count(1);
    for (int i = 0; i < rows; ++i) {
      margin::ForwardRow(i, classes, label, margin_, top_data, slope);
    }
  }
}

template <typename Dtype>
void CombinedMarginLayer<Dtype>::Backward_cpu(
    const vector<Blob<Dtype>*>& top, const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  if (propagate_down[1]) {
    LOG(FATAL) << this->type()
               << " Layer cannot backpropagate to label inputs.";
  }
  if (!propagate_down[0]) { return; }
  Dtype* bottom_diff = bottom[0]->mutable_cpu_diff();
  if (top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), top[0]->cpu_diff(), bottom_diff);
  }
  if (active_) {
    const Dtype* label = bottom[1]->cpu_data();
    const Dtype* slope = slope_.cpu_data();
    const int rows = bottom[0]->shape(0);
    const int classes = bottom[0]->count(1);
    for (int i = 0; i < rows; ++i) {
      margin::BackwardRow(i, classes, label, slope, bottom_diff);
    }
  }
}

#ifdef CPU_ONLY
STUB_GPU(CombinedMarginLayer);
#endif

INSTANTIATE_CLASS(CombinedMarginLayer);
REGISTER_LAYER_CLASS(CombinedMargin);

}  // namespace caffe
