// installed by amcaffe
#include <algorithm>
#include <cmath>
#include <vector>

#include "caffe/layers/class_weight.hpp"
#include "caffe/layers/kept_number.hpp"
#include "caffe/layers/layer_prefix.hpp"
#include "caffe/layers/margin_param.hpp"
#include "caffe/layers/margin_softmax_loss_layer.hpp"
#include "caffe/layers/normalize_rows.hpp"
#include "caffe/util/layer_state.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::LayerSetUp(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  // The statistics, if they are asked for, are no loss.
  if (this->layer_param_.loss_weight_size() == 0) {
    this->layer_param_.add_loss_weight(Dtype(1));
  }
  if (top.size() == 2 && this->layer_param_.loss_weight_size() == 1) {
    this->layer_param_.add_loss_weight(Dtype(0));
  }
  LossLayer<Dtype>::LayerSetUp(bottom, top);
  const MarginSoftmaxLossParameter& param =
      this->layer_param_.margin_softmax_loss_param();
  const string layer = LayerPrefix(this->layer_param_);
  CHECK(top.size() < 2 || this->layer_param_.loss_weight(1) == 0)
      << layer << "the second top holds statistics without a gradient, but its "
      << "loss_weight is " << this->layer_param_.loss_weight(1)
      << ". Set loss_weight: 1 loss_weight: 0.";
  CHECK(param.sample_rate() > 0 && param.sample_rate() <= 1)
      << layer
      << "sample_rate is a share of the classes, above 0 and at most 1, but is "
      << param.sample_rate() << ".";
  SetUpMargin();
  normalize_feature_ = param.normalize_feature();
  // Without a backward pass to come nothing has to be kept.
  keep_bytes_ =
      this->phase_ == TRAIN ? static_cast<size_t>(param.memory_mb()) << 20 : 0;
  const LossParameter& loss = this->layer_param_.loss_param();
  ignore_label_ = loss.has_ignore_label() ? loss.ignore_label() : -1;
  normalization_ = loss.normalization();
  if (!loss.has_normalization() && loss.has_normalize()) {
    normalization_ = loss.normalize()
        ? LossParameter_NormalizationMode_VALID
        : LossParameter_NormalizationMode_BATCH_SIZE;
  }

  D_ = bottom[0]->count(1);
  C_ = SetUpClassWeight(this->layer_param_, param, D_, &this->blobs_);
  if (this->phase_ == TRAIN && param.sample_rate() < 1) {
    sampler_.reset(new ClassSampler(C_, param.sample_rate()));
  }
  if (counts_) {
    KeepNumber<Dtype>(1, param.iteration(), "the count of training passes",
        &this->layer_param_, &this->blobs_);
  }
  this->param_propagate_down_.resize(this->blobs_.size(), true);
}

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::SetUpMargin() {
  const MarginSoftmaxLossParameter& param =
      this->layer_param_.margin_softmax_loss_param();
  const string layer = LayerPrefix(this->layer_param_);
  end_.margin = MarginOf<Dtype>(this->layer_param_, param);
  end_.scale = param.scale();
  static const char* const kNames[] = {"start_m1", "start_m2", "start_m3"};
  start_.margin = CheckedMargin<Dtype>(this->layer_param_, kNames,
      param.start_m1(), param.start_m2(), param.start_m3(), end_.margin.bound);
  start_.scale = param.has_start_scale() ? param.start_scale() : param.scale();
  CHECK(end_.scale > 0 && std::isfinite(end_.scale) && start_.scale > 0 &&
      std::isfinite(start_.scale))
      << layer << "scale and start_scale must be above 0 and finite, but are "
      << end_.scale << " and " << start_.scale << ".";
  CHECK(param.anneal_iter() > 0 ||
      !(param.has_start_m1() || param.has_start_m2() || param.has_start_m3() ||
          param.has_start_scale()))
      << layer << "start_m1, start_m2, start_m3 and start_scale are where "
      << "annealing starts, but anneal_iter is 0: there is none. Set "
      << "anneal_iter to the passes that it is to take, or remove them.";
  CHECK(param.unconditional() ||
      (param.m1() == 1 && param.m2() == 0 && start_.margin.m1 == 1 &&
          start_.margin.m2 == 0))
      << layer << "unconditional: false is for a margin m3 alone, m1: 1 m2: 0, "
      << "from its start on, but (m1, m2) is (" << param.m1() << ", "
      << param.m2() << ") and (start_m1, start_m2) is (" << start_.margin.m1
      << ", " << start_.margin.m2 << ").";
  CheckLambda(this->layer_param_, param);
  CHECK(param.base() > 0 || (param.gamma() == 0 && param.lambda_min() == 0))
      << layer << "lambda is base * (1 + gamma * iteration) ^ -power, and base "
      << "is 0, but gamma is " << param.gamma() << " and lambda_min "
      << param.lambda_min() << ". Set base, which is lambda's start, or remove "
      << "them. SphereFace has base: 1000 gamma: 0.12 lambda_min: 5.";
  has_margin_ = this->phase_ == TRAIN || param.transform_test();
  counts_ = param.anneal_iter() > 0 || param.gamma() != 0;
}

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::NextMargin() {
  const MarginSoftmaxLossParameter& param =
      this->layer_param_.margin_softmax_loss_param();
  const Dtype done = counts_ ? this->blobs_[1]->cpu_data()[0] : Dtype(0);
  const Dtype over = param.anneal_iter();
  const margin::CombinedMargin<Dtype>& start = start_.margin;
  const margin::CombinedMargin<Dtype>& end = end_.margin;
  scale_ = margin::AnnealedSetting(start_.scale, end_.scale, over, done);
  const margin::CombinedMargin<Dtype> none = {1, 0, 0, end.bound};
  margin_.combined = none;
  margin_.unconditional = true;
  margin_.lambda = 0;
  if (has_margin_) {
    margin_.combined.m1 = margin::AnnealedSetting(start.m1, end.m1, over, done);
    margin_.combined.m2 = margin::AnnealedSetting(start.m2, end.m2, over, done);
    margin_.combined.m3 = margin::AnnealedSetting(start.m3, end.m3, over, done);
    margin_.unconditional = param.unconditional();
    margin_.lambda = margin::AnnealedLambda<Dtype>(param.base(), param.gamma(),
        param.power(), param.lambda_min(), done + 1);
  }
  if (counts_ && this->phase_ == TRAIN) {
    this->blobs_[1]->mutable_cpu_data()[0] = done + 1;
  }
}

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  label_check_.Report();
  CheckLabelShape(this->layer_param_, *bottom[0], *bottom[1],
      "(N x D), one feature of length D per label");
  LossLayer<Dtype>::Reshape(bottom, top);
  N_ = bottom[0]->shape(0);
  CheckVectors(this->layer_param_, *bottom[0], 1, D_);
  if (top.size() == 2) { top[1]->Reshape(vector<int>(1, 3)); }
  unit_feature_.ReshapeLike(*bottom[0]);
  feature_norm_.Reshape(vector<int>(1, N_));
}

template <typename Dtype>
vector<int> MarginSoftmaxLossLayer<Dtype>::Targets(
    const Blob<Dtype>& label) const {
  const Dtype* label_data = label.cpu_data();
  vector<int> target(N_);
  for (int i = 0; i < N_; ++i) {
    target[i] = label_data[i] == ignore_label_
        ? -1
        : margin::TargetClass(C_, label_data[i]);
  }
  return target;
}

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::SampleClasses(vector<int>* target) {
  if (!sampler_) { return; }
  sampler_->Sample(*target, &chosen_);
  for (size_t i = 0; i < target->size(); ++i) {
    if ((*target)[i] >= 0) {
      (*target)[i] = ClassSampler::PositionOf((*target)[i], chosen_);
    }
  }
}

template <typename Dtype>
Dtype MarginSoftmaxLossLayer<Dtype>::Normalizer(
    const int rows_with_loss) const {
  switch (normalization_) {
    case LossParameter_NormalizationMode_VALID:
      return std::max(1, rows_with_loss);
    case LossParameter_NormalizationMode_NONE:
      return 1;
    default:  // a label a row: FULL and BATCH_SIZE are the same
      return std::max(1, N_);
  }
}

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::Forward_cpu(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  CheckLabels(this->layer_param_, C_, *bottom[1], ignore_label_);
  NextMargin();
  vector<int> target = Targets(*bottom[1]);
  SampleClasses(&target);
  caffe_cpu_normalize(margin::UNIT, N_, D_, 1, bottom[0]->cpu_data(),
      unit_feature_.mutable_cpu_data(), feature_norm_.mutable_cpu_data());
  row_.resize(N_);
  for (int i = 0; i < N_; ++i) {
    row_[i].target = target[i];
    row_[i].scale =
        normalize_feature_ ? scale_ : scale_ * feature_norm_.cpu_data()[i];
  }
  softmax_.Reshape(N_, D_, C_, chosen_, keep_bytes_);
  softmax_.Forward(unit_feature_.cpu_data(), this->blobs_[0]->cpu_data(),
      margin_, &row_);

  Dtype loss = 0, target_cosine = 0, best_other = 0;
  int rows = 0, right = 0;
  for (int i = 0; i < N_; ++i) {
    const MarginRow<Dtype>& row = row_[i];
    if (row.target < 0) { continue; }
    ++rows;
    loss += row.loss.loss;
    target_cosine += row.cosine;
    best_other += row.best_other;
    right += row.cosine > row.best_other;
  }
  top[0]->mutable_cpu_data()[0] = loss / Normalizer(rows);
  if (top.size() == 2) {
    const Dtype share = Dtype(1) / std::max(1, rows);
    Dtype* statistics = top[1]->mutable_cpu_data();
    statistics[0] = target_cosine * share;
    statistics[1] = best_other * share;
    statistics[2] = right * share;
  }
}

template <typename Dtype>
void MarginSoftmaxLossLayer<Dtype>::Backward_cpu(
    const vector<Blob<Dtype>*>& top, const vector<bool>& propagate_down,
    const vector<Blob<Dtype>*>& bottom) {
  CheckNoLabelGradient(this->layer_param_, propagate_down[1]);
  const bool by_weight = this->param_propagate_down_[0];
  if (!propagate_down[0] && !by_weight) { return; }
  CHECK_EQ(static_cast<int>(row_.size()), N_)
      << LayerPrefix(this->layer_param_)
      << "Backward belongs to a Forward of the same shape. Call Forward after "
      << "a Reshape.";
  int rows = 0;
  for (int i = 0; i < N_; ++i) { rows += row_[i].target >= 0; }
  const Dtype importance = top[0]->cpu_diff()[0] / Normalizer(rows);
  Dtype* bottom_diff = propagate_down[0] ? bottom[0]->mutable_cpu_diff() : NULL;
  vector<Dtype> norm_diff(N_);
  const Dtype* unit = unit_feature_.cpu_data();
  softmax_.Backward(unit, this->blobs_[0]->cpu_data(), row_, importance,
      bottom_diff, norm_diff.data(),
      by_weight ? this->blobs_[0]->mutable_cpu_diff() : NULL);
  if (bottom_diff) {
    caffe_scal(N_, scale_, norm_diff.data());
    caffe_cpu_normalize_backward<Dtype>(margin::UNIT, N_, D_, 1, unit, true,
        feature_norm_.cpu_data(), bottom_diff,
        normalize_feature_ ? NULL : norm_diff.data(), true, false, bottom_diff);
  }
}

#ifdef CPU_ONLY
STUB_GPU(MarginSoftmaxLossLayer);
#endif

INSTANTIATE_CLASS(MarginSoftmaxLossLayer);
REGISTER_LAYER_CLASS(MarginSoftmaxLoss);
REGISTER_LAYER_STATE(MarginSoftmaxLoss, 1);

}  // namespace caffe
