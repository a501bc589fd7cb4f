// installed by amcaffe
#include <vector>

#include "caffe/layers/target_margin_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void TargetMarginLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  label_check_.Report();
  CheckLabelShape(this->layer_param_, *bottom[0], *bottom[1]);
  top[0]->ReshapeLike(*bottom[0]);
  slope_.Reshape(vector<int>(1, bottom[0]->shape(0)));
}

template <typename Dtype>
void TargetMarginLayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  if (active_) { CheckLabels(this->layer_param_, *bottom[0], *bottom[1]); }
  NextMargin(top);
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
void TargetMarginLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  CheckNoLabelGradient(this->layer_param_, propagate_down[1]);
  if (!propagate_down[0]) { return; }
  Dtype* bottom_diff = bottom[0]->mutable_cpu_diff();
  if (top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), top[0]->cpu_diff(), bottom_diff);
  }
  if (active_ && !pass_gradient_) {
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
STUB_GPU(TargetMarginLayer);
#endif

INSTANTIATE_CLASS(TargetMarginLayer);

}  // namespace caffe
