// installed by amcaffe
#include <vector>

#include "caffe/layers/target_margin_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
__global__ void TargetMarginForward(const int rows, const int classes,
    const Dtype* label, const margin::CombinedMargin<Dtype> margin,
    Dtype* logits, Dtype* slope) {
  CUDA_KERNEL_LOOP(i, rows) {
    margin::ForwardRow(i, classes, label, margin, logits, slope);
  }
}

template <typename Dtype>
__global__ void TargetMarginBackward(const int rows, const int classes,
    const Dtype* label, const Dtype* slope, Dtype* diff) {
  CUDA_KERNEL_LOOP(i, rows) {
    margin::BackwardRow(i, classes, label, slope, diff);
  }
}

template <typename Dtype>
void TargetMarginLayer<Dtype>::Forward_gpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  if (active_) {
    label_check_.Check(this->layer_param_, bottom[0]->count(1), *bottom[1]);
  }
  NextMargin(top);
  const Dtype* label = bottom[1]->gpu_data();
  Dtype* top_data = top[0]->mutable_gpu_data();
  if (top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), bottom[0]->gpu_data(), top_data);
  }
  if (active_) {
    const int rows = bottom[0]->shape(0);
    // NOLINT_NEXT_LINE(whitespace/operators)
    TargetMarginForward<Dtype>
        <<<CAFFE_GET_BLOCKS(rows), CAFFE_CUDA_NUM_THREADS>>>(rows,
            bottom[0]->count(1), label, margin_, top_data,
            slope_.mutable_gpu_data());
    CUDA_POST_KERNEL_CHECK;
  }
}

template <typename Dtype>
void TargetMarginLayer<Dtype>::Backward_gpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  label_check_.Report();
  CheckNoLabelGradient(this->layer_param_, propagate_down[1]);
  if (!propagate_down[0]) { return; }
  Dtype* bottom_diff = bottom[0]->mutable_gpu_diff();
  if (top[0] != bottom[0]) {
    caffe_copy(bottom[0]->count(), top[0]->gpu_diff(), bottom_diff);
  }
  if (active_ && !pass_gradient_) {
    const int rows = bottom[0]->shape(0);
    // NOLINT_NEXT_LINE(whitespace/operators)
    TargetMarginBackward<Dtype>
        <<<CAFFE_GET_BLOCKS(rows), CAFFE_CUDA_NUM_THREADS>>>(rows,
            bottom[0]->count(1), bottom[1]->gpu_data(), slope_.gpu_data(),
            bottom_diff);
    CUDA_POST_KERNEL_CHECK;
  }
}

INSTANTIATE_LAYER_GPU_FUNCS(TargetMarginLayer);

}  // namespace caffe
