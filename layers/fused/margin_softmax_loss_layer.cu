// installed by amcaffe
#include <algorithm>
#include <vector>

#include "caffe/layers/margin_softmax_gpu.hpp"
#include "caffe/layers/margin_softmax_loss_layer.hpp"
#include "caffe/layers/normalize_rows.hpp"

namespace caffe {

template <typename Dtype>
struct MarginSoftmaxLossOnGpu {
  GpuMarginSoftmax<Dtype> softmax;
  Blob<int> target;  ///< (N) positions among the classes that take part
  Blob<int> chosen;  ///< the classes that take part, where they are sampled
  Blob<Dtype> norm_diff;  ///< (N) the gradient by each feature's length

  /// What both passes are of, as it lies on the device now.
  /// @param norm of the features, where it is a factor of the scale, or NULL
  MarginBatch<Dtype> Batch(const Blob<Dtype>& unit, const Blob<Dtype>* norm,
      const Blob<Dtype>& weight, const Dtype scale) const {
    const MarginBatch<Dtype> batch = {unit.gpu_data(),
        norm ? norm->gpu_data() : NULL, weight.gpu_data(), target.gpu_data(),
        scale};
    return batch;
  }
};

template <typename Dtype>
__global__ void FindTargets(const int rows, const int classes,
    const Dtype* label, const Dtype ignored, int* target) {
  CUDA_KERNEL_LOOP(i, rows) {
    target[i] =
        label[i] == ignored ? -1 : margin::TargetClass(classes, label[i]);
  }
}

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::Forward_gpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  if (!on_gpu_) { on_gpu_.reset(new MarginSoftmaxLossOnGpu<Dtype>()); }
  Blob<int>* target = &on_gpu_->target;
  target->Reshape(vector<int>(1, N_));
  const int* chosen = NULL;
  if (sampler_) {
    // Classes are drawn on the host, which has to wait for the labels.
    CheckLabels(this->layer_param_, C_, *bottom[1], ignore_label_);
    vector<int> position = Targets(*bottom[1]);
    SampleClasses(&position);
    std::copy(position.begin(), position.end(), target->mutable_cpu_data());
    on_gpu_->chosen.Reshape(vector<int>(1, chosen_.size()));
    std::copy(chosen_.begin(), chosen_.end(),
        on_gpu_->chosen.mutable_cpu_data());
    chosen = on_gpu_->chosen.gpu_data();
  } else {
    label_check_.Check(this->layer_param_, C_, *bottom[1], ignore_label_);
    // NOLINT_NEXT_LINE(whitespace/operators)
    FindTargets<Dtype><<<CAFFE_GET_BLOCKS(N_), CAFFE_CUDA_NUM_THREADS>>>(N_, C_,
        bottom[1]->gpu_data(), ignore_label_, target->mutable_gpu_data());
    CUDA_POST_KERNEL_CHECK;
  }
  NextMargin();
  caffe_gpu_normalize(margin::UNIT, N_, D_, 1, bottom[0]->gpu_data(),
      unit_feature_.mutable_gpu_data(), feature_norm_.mutable_gpu_data());
  on_gpu_->softmax.Reshape(N_, D_, chosen ? chosen_.size() : C_, chosen,
      keep_bytes_);
  const bool count_rows =
      normalization_ == LossParameter_NormalizationMode_VALID;
  on_gpu_->softmax.Forward(on_gpu_->Batch(unit_feature_,
                               normalize_feature_ ? NULL : &feature_norm_,
                               *this->blobs_[0], scale_),
      margin_, count_rows ? Dtype(0) : Normalizer(N_),
      top[0]->mutable_gpu_data(),
      top.size() == 2 ? top[1]->mutable_gpu_data() : NULL);
}

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::Backward_gpu(
    const vector<Blob<Dtype>*>& top, const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  label_check_.Report();
  CheckNoLabelGradient(this->layer_param_, propagate_down[1]);
  CHECK(on_gpu_ && on_gpu_->target.count() == N_)
      << LayerPrefix(this->layer_param_) << "Backward belongs to a Forward of "
      << "the same shape on the GPU. Call Forward after a Reshape or a change "
      << "of the mode.";
  const bool by_weight = this->param_propagate_down_[0];
  if (!propagate_down[0] && !by_weight) { return; }
  MarginGradients<Dtype> gradients = {NULL, NULL, NULL};
  if (propagate_down[0]) {
    gradients.unit = bottom[0]->mutable_gpu_diff();
    if (!normalize_feature_) {
      on_gpu_->norm_diff.ReshapeLike(feature_norm_);
      gradients.norm = on_gpu_->norm_diff.mutable_gpu_data();
    }
  }
  if (by_weight) { gradients.weight = this->blobs_[0]->mutable_gpu_diff(); }
  on_gpu_->softmax.Backward(on_gpu_->Batch(unit_feature_,
                                normalize_feature_ ? NULL : &feature_norm_,
                                *this->blobs_[0], scale_),
      top[0]->gpu_diff(), gradients);
  if (propagate_down[0]) {
    caffe_gpu_normalize_backward<Dtype>(margin::UNIT, N_, D_, 1,
        unit_feature_.gpu_data(), true, feature_norm_.gpu_data(),
        gradients.unit, gradients.norm, true, false, gradients.unit);
  }
}

INSTANTIATE_LAYER_GPU_FUNCS(MarginSoftmaxLossLayer);

}  // namespace caffe
