// installed by amcaffe
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "caffe/layers/kept_number.hpp"
#include "caffe/layers/label_specific_margin_layer.hpp"
#include "caffe/layers/margin_param.hpp"
#include "caffe/util/layer_state.hpp"

namespace caffe {

template <typename Dtype>
void LabelSpecificMarginLayer<Dtype>::LayerSetUp(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  const LabelSpecificMarginParameter& param =
      this->layer_param_.label_specific_margin_param();
  CHECK(!param.auto_tune())
      << LayerPrefix(this->layer_param_)
      << "auto_tune is not supported. Set margin_base, and gamma and "
      << "margin_max to anneal it.";
  CHECK(!param.reset_margin())
      << LayerPrefix(this->layer_param_)
      << "reset_margin never had an effect and is not supported. Remove it; "
      << "iteration says where annealing starts.";
  // In this order: the margin was the only blob when the layer was published,
  // and must not be taken for the count.
  KeepNumber<Dtype>(0, param.margin_base(), "the margin", &this->layer_param_,
      &this->blobs_);
  if (param.has_margin_base()) {
    KeepNumber<Dtype>(1, param.iteration(), "the count of iterations",
        &this->layer_param_, &this->blobs_);
  }
  this->margin_.m1 = 1;
  this->margin_.m2 = 0;
  this->margin_.m3 = 0;
  this->margin_.bound = BoundOf(param);
  this->active_ = this->phase_ == TRAIN || param.margin_on_test();
  this->pass_gradient_ = param.pass_bp();
}

template <typename Dtype>
void LabelSpecificMarginLayer<Dtype>::Reshape(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  TargetMarginLayer<Dtype>::Reshape(bottom, top);
  if (top.size() == 2) { top[1]->Reshape(vector<int>(1, 1)); }
}

template <typename Dtype>
Dtype LabelSpecificMarginLayer<Dtype>::Annealed() const {
  const LabelSpecificMarginParameter& param =
      this->layer_param_.label_specific_margin_param();
  const Dtype limit = param.has_margin_max()
      ? Dtype(param.margin_max())
      : std::numeric_limits<Dtype>::infinity();
  if (!param.has_margin_base()) {
    return std::min(this->blobs_[0]->cpu_data()[0], limit);
  }
  return margin::AnnealedBias<Dtype>(param.margin_base(), param.gamma(),
      param.power(), -std::numeric_limits<Dtype>::infinity(), limit,
      this->blobs_[1]->cpu_data()[0]);
}

template <typename Dtype>
void LabelSpecificMarginLayer<Dtype>::NextMargin(
    const vector<Blob<Dtype>*>& top) {
  const LabelSpecificMarginParameter& param =
      this->layer_param_.label_specific_margin_param();
  const Dtype margin = this->active_ ? Annealed() : Dtype(0);
  if (this->active_) {
    CHECK(std::isfinite(margin))
        << LayerPrefix(this->layer_param_) << "the margin is " << margin
        << ", but must be finite. See that (1 + "
        << "gamma * iteration) ^ power is a number at every iteration, and set "
        << "margin_max.";
    if (param.type() == LabelSpecificMarginParameter_MarginType_HARD) {
      this->margin_.m2 = margin / 180 * Dtype(3.14159265358979323846);
    } else {
      CHECK_GT(margin, 0)
          << LayerPrefix(this->layer_param_) << "type SOFT "
          << "multiplies the angle by the margin, which must be above 0. Set "
          << "margin_base; 1 is no margin.";
      this->margin_.m1 = margin;
    }
    // Only now: a margin that is refused is not to be found in a snapshot.
    if (this->phase_ == TRAIN && param.has_margin_base()) {
      this->blobs_[0]->mutable_cpu_data()[0] = margin;
      this->blobs_[1]->mutable_cpu_data()[0] += 1;
    }
  }
  if (top.size() == 2) { top[1]->mutable_cpu_data()[0] = margin; }
}

INSTANTIATE_CLASS(LabelSpecificMarginLayer);
REGISTER_LAYER_CLASS(LabelSpecificMargin);
REGISTER_LAYER_STATE(LabelSpecificMargin, 0);

}  // namespace caffe
