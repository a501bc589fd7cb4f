// installed by amcaffe
#include <cmath>
#include <vector>

#include "caffe/layers/combined_margin_layer.hpp"

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
  this->margin_.m1 = param.m1();
  this->margin_.m2 = param.m2();
  this->margin_.m3 = param.m3();
  this->margin_.bound = param.bound() == CombinedMarginParameter_Bound_CLAMP ?
      margin::CLAMP : margin::MONOTONE;
  this->active_ = this->phase_ == TRAIN || param.transform_test();
}

INSTANTIATE_CLASS(CombinedMarginLayer);
REGISTER_LAYER_CLASS(CombinedMargin);

}  // namespace caffe
