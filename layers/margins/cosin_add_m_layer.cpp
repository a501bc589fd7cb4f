// installed by amcaffe
#include <cmath>
#include <vector>

#include "caffe/layers/cosin_add_m_layer.hpp"
#include "caffe/layers/layer_prefix.hpp"

namespace caffe {

template <typename Dtype>
void CosinAddmLayer<Dtype>::LayerSetUp(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  const CosinAddmParameter& param = this->layer_param_.cosin_add_m_param();
  CHECK(std::isfinite(param.m())) << LayerPrefix(this->layer_param_)
      << "m must be finite, but is " << param.m() << ". It is an angle in "
      << "radians; ArcFace has 0.5.";
  this->margin_.m1 = 1;
  this->margin_.m2 = param.m();
  this->margin_.m3 = 0;
  this->margin_.bound = margin::MONOTONE;
  this->active_ = this->phase_ == TRAIN || param.transform_test();
}

INSTANTIATE_CLASS(CosinAddmLayer);
REGISTER_LAYER_CLASS(CosinAddm);

}  // namespace caffe
