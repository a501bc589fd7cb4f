// installed by amcaffe
#include <vector>

#include "caffe/layers/label_specific_add_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
__global__ void LabelSpecificAddForward(const int rows, const int classes,
    const Dtype* label, const margin::LabelSpecificAdd<Dtype> margin,
    Dtype* logits) {
  CUDA_KERNEL_LOOP(i, rows) {
    margin::ForwardRow<Dtype>(i, classes, label, margin, logits, NULL);
  }
}

template <typename Dtype>
void LabelSpecificAddLayer<Dtype>::Forward_gpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  if (active_) {
    label_check_.Check(this->layer_param_, bottom[0]->count(1), *bottom[1]);
    margin_.bias = NextBias();
  }
  if (top.size() == 2) {
    top[1]->mutable_cpu_data()[0] = active_ ? margin_.bias : Dtype(0);
  }
  const Dtype* label = bottom[1]->gpu_data();
  Dtype* top_data = top[0]->mutable_gpu_data();
  if (top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), bottom[0]->gpu_data(), top_data);
  }
  if (active_) {
    const int rows = bottom[0]->shape(0);
    // NOLINT_NEXT_LINE(whitespace/operators)
    LabelSpecificAddForward<Dtype>
        <<<CAFFE_GET_BLOCKS(rows), CAFFE_CUDA_NUM_THREADS>>>(rows,
            bottom[0]->count(1), label, margin_, top_data);
    CUDA_POST_KERNEL_CHECK;
  }
}

template <typename Dtype>
void LabelSpecificAddLayer<Dtype>::Backward_gpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  label_check_.Report();
  CheckNoLabelGradient(this->layer_param_, propagate_down[1]);
  if (propagate_down[0] && top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), top[0]->gpu_diff(),
        bottom[0]->mutable_gpu_diff());
  }
}

INSTANTIATE_LAYER_GPU_FUNCS(LabelSpecificAddLayer);

}  // namespace caffe
