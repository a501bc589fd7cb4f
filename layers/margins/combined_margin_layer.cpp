// installed by amcaffe
#include <vector>

#include "caffe/layers/combined_margin_layer.hpp"
#include "caffe/layers/margin_param.hpp"

namespace caffe {

template <typename Dtype>
void CombinedMarginLayer<Dtype>::LayerSetUp(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {
  const CombinedMarginParameter& param =
      this->layer_param_.combined_margin_param();
  this->margin_ = MarginOf<Dtype>(this->layer_param_, param);
  this->active_ = this->phase_ == TRAIN || param.transform_test();
}

INSTANTIATE_CLASS(CombinedMarginLayer);
REGISTER_LAYER_CLASS(CombinedMargin);

}  // namespace caffe
