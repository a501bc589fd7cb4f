// installed by amcaffe
#include <string>
#include <vector>

#include "caffe/layers/layer_prefix.hpp"
#include "caffe/layers/normalize_layer.hpp"
#include "caffe/layers/normalize_rows.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void NormalizeLayer<Dtype>::LayerSetUp(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  const NormalizeParameter& param = this->layer_param_.normalize_param();
  const string& name = param.normalize_type();
  CHECK(name == "L2" || name == "L1") << LayerPrefix(this->layer_param_)
      << "normalize_type must be \"L2\" or \"L1\", but is \"" << name << "\".";
  norm_type_ = name == "L2" ? margin::L2 : margin::L1;
  fix_gradient_ = param.fix_gradient();
  bp_norm_ = param.bp_norm() && top.size() == 2;
}

template <typename Dtype>
void NormalizeLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  CHECK_GE(bottom[0]->num_axes(), 2) << LayerPrefix(this->layer_param_)
      << "the bottom must be (N x C x ...), as the vectors lie along the "
      << "second axis, but its shape is " << bottom[0]->shape_string() << ".";
  top[0]->ReshapeLike(*bottom[0]);
  spatial_ = bottom[0]->count(2);
  vector<int> norm_shape = bottom[0]->shape();
  norm_shape[1] = 1;
  norm_.Reshape(norm_shape);
  if (top.size() == 2) {
    top[1]->Reshape(norm_shape);
  }
}

template <typename Dtype>
void NormalizeLayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  caffe_cpu_normalize(norm_type_, bottom[0]->shape(0), bottom[0]->shape(1),
      spatial_, bottom[0]->cpu_data(), top[0]->mutable_cpu_data(),
      norm_.mutable_cpu_data());
  if (top.size() == 2) {
    caffe_copy(norm_.count(), norm_.cpu_data(), top[1]->mutable_cpu_data());
  }
}

template <typename Dtype>
void NormalizeLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  if (!propagate_down[0]) { return; }
  caffe_cpu_normalize_backward(norm_type_, bottom[0]->shape(0),
      bottom[0]->shape(1), spatial_, bottom[0]->cpu_data(),
      bottom[0] == top[0], norm_.cpu_data(), top[0]->cpu_diff(),
      bp_norm_ ? top[1]->cpu_diff() : NULL, !fix_gradient_, false,
      bottom[0]->mutable_cpu_diff());
}

#ifdef CPU_ONLY
STUB_GPU(NormalizeLayer);
#endif

INSTANTIATE_CLASS(NormalizeLayer);
REGISTER_LAYER_CLASS(Normalize);

}  // namespace caffe
