// installed by amcaffe
#include <vector>

#include "caffe/layers/margin_inner_product_layer.hpp"
#include "caffe/layers/normalize_rows.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
__global__ void MarginInnerProductForward(const int rows, const int classes,
    const Dtype* label, const margin::ASoftmax<Dtype> margin, const Dtype* norm,
    Dtype* logits, Dtype* slope, Dtype* radial) {
  CUDA_KERNEL_LOOP(i, rows) {
    margin::ForwardLengthRow(i, classes, label, margin, norm, logits, slope,
        radial);
  }
}

template <typename Dtype>
__global__ void MarginInnerProductScaleTargets(const int rows,
    const int classes, const Dtype* label, const Dtype* slope, Dtype* diff,
    Dtype* kept) {
  CUDA_KERNEL_LOOP(i, rows) {
    margin::ScaleTarget(i, classes, label, slope, diff, kept);
  }
}

template <typename Dtype>
__global__ void MarginInnerProductRestoreTargets(const int rows,
    const int classes, const Dtype* label, const Dtype* kept, Dtype* diff) {
  CUDA_KERNEL_LOOP(i, rows) {
    margin::RestoreTarget(i, classes, label, kept, diff);
  }
}

template <typename Dtype>
__global__ void MarginInnerProductAddRadial(const int count, const int dim,
    const Dtype* kept, const Dtype* radial, const Dtype* x, Dtype* dx) {
  CUDA_KERNEL_LOOP(i, count) {
    dx[i] += kept[i / dim] * radial[i / dim] * x[i];
  }
}

template <typename Dtype>
void MarginInnerProductLayer<Dtype>::Forward_gpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  if (active_) { label_check_.Check(this->layer_param_, N_, *bottom[1]); }
  NextLambda(top);
  caffe_gpu_normalize(margin::UNIT, N_, K_, 1, this->blobs_[0]->gpu_data(),
      unit_weight_.mutable_gpu_data(), weight_norm_.mutable_gpu_data());
  const Dtype* input = bottom[0]->gpu_data();
  Dtype* logits = top[0]->mutable_gpu_data();
  caffe_gpu_gemm<Dtype>(CblasNoTrans, CblasTrans, M_, N_, K_, Dtype(1), input,
      unit_weight_.gpu_data(), Dtype(0), logits);
  if (!active_) { return; }
  caffe_gpu_normalize<Dtype>(margin::UNIT, M_, K_, 1, input, NULL,
      input_norm_.mutable_gpu_data());
  // NOLINT_NEXT_LINE(whitespace/operators)
  MarginInnerProductForward<Dtype>
      <<<CAFFE_GET_BLOCKS(M_), CAFFE_CUDA_NUM_THREADS>>>(M_, N_,
          bottom[1]->gpu_data(), margin_, input_norm_.gpu_data(), logits,
          slope_.mutable_gpu_data(), radial_.mutable_gpu_data());
  CUDA_POST_KERNEL_CHECK;
}

template <typename Dtype>
void MarginInnerProductLayer<Dtype>::Backward_gpu(
    const vector<Blob<Dtype>*>& top, const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  label_check_.Report();
  CheckNoLabelGradient(this->layer_param_, propagate_down[1]);
  const Dtype* input = bottom[0]->gpu_data();
  const Dtype* label = bottom[1]->gpu_data();
  // The products take the gradient by |x| cos, which differs from the top's at
  // the targets only: it is made there, and taken back below.
  Dtype* top_diff = top[0]->mutable_gpu_diff();
  if (active_) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    MarginInnerProductScaleTargets<Dtype>
        <<<CAFFE_GET_BLOCKS(M_), CAFFE_CUDA_NUM_THREADS>>>(M_, N_, label,
            slope_.gpu_data(), top_diff, kept_.mutable_gpu_data());
    CUDA_POST_KERNEL_CHECK;
  }
  if (this->param_propagate_down_[0]) {
    // By the unit weights first, then through their normalisation.
    Dtype* unit_diff = unit_weight_.mutable_gpu_diff();
    caffe_gpu_gemm<Dtype>(CblasTrans, CblasNoTrans, N_, K_, M_, Dtype(1),
        top_diff, input, Dtype(0), unit_diff);
    caffe_gpu_normalize_backward<Dtype>(margin::UNIT, N_, K_, 1,
        unit_weight_.gpu_data(), true, weight_norm_.gpu_data(), unit_diff, NULL,
        true, true, this->blobs_[0]->mutable_gpu_diff());
  }
  if (propagate_down[0]) {
    Dtype* bottom_diff = bottom[0]->mutable_gpu_diff();
    caffe_gpu_gemm<Dtype>(CblasNoTrans, CblasNoTrans, M_, K_, N_, Dtype(1),
        top_diff, unit_weight_.gpu_data(), Dtype(0), bottom_diff);
    if (active_) {
      // NOLINT_NEXT_LINE(whitespace/operators)
      MarginInnerProductAddRadial<Dtype>
          <<<CAFFE_GET_BLOCKS(M_ * K_), CAFFE_CUDA_NUM_THREADS>>>(M_ * K_, K_,
              kept_.gpu_data(), radial_.gpu_data(), input, bottom_diff);
      CUDA_POST_KERNEL_CHECK;
    }
  }
  if (active_) {
    // NOLINT_NEXT_LINE(whitespace/operators)
    MarginInnerProductRestoreTargets<Dtype>
        <<<CAFFE_GET_BLOCKS(M_), CAFFE_CUDA_NUM_THREADS>>>(M_, N_, label,
            kept_.gpu_data(), top_diff);
    CUDA_POST_KERNEL_CHECK;
  }
}

INSTANTIATE_LAYER_GPU_FUNCS(MarginInnerProductLayer);

}  // namespace caffe
