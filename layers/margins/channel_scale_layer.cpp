// installed by amcaffe
#include <cmath>
#include <vector>

#include "caffe/layers/channel_scale_layer.hpp"
#include "caffe/layers/kept_number.hpp"
#include "caffe/layers/kernel_limit.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

template <typename Dtype>
void ChannelScaleLayer<Dtype>::LayerSetUp(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  const ChannelScaleParameter& param =
      this->layer_param_.channel_scale_param();
  if (!param.global_scale()) {
    CHECK_EQ(top.size(), 1) << LayerPrefix(this->layer_param_)
        << "the second top is the global scale. Set global_scale, or remove "
        << "that top.";
    return;
  }
  CHECK(0 <= param.min_global_scale() &&
        param.min_global_scale() <= param.max_global_scale())
      << LayerPrefix(this->layer_param_) << "the global scale is limited to "
      << "[min_global_scale, max_global_scale], which must be a range from 0 "
      << "up, but is [" << param.min_global_scale() << ", "
      << param.max_global_scale() << "].";
  CHECK(param.init_global_scale() >= 0) << LayerPrefix(this->layer_param_)
      << "init_global_scale is " << param.init_global_scale() << ", but the "
      << "scale averages magnitudes. Set it to 0 or above, or remove it.";
  // Below zero there is no average yet.
  KeepNumber<Dtype>(0, param.has_init_global_scale() ?
      param.init_global_scale() : -1, "the global scale",
      &this->layer_param_, &this->blobs_);
}

template <typename Dtype>
void ChannelScaleLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  CHECK_NE(top[0], bottom[0]) << LayerPrefix(this->layer_param_)
      << "cannot be done in place, as the gradient takes the unscaled vectors. "
      << "Give the top a name of its own.";
  CHECK(bottom[0]->num_axes() >= 2 && bottom[0]->count() > 0)
      << LayerPrefix(this->layer_param_) << "bottom[0] must be (N x C x ...), "
      << "as the vectors lie along the second axis, and not empty, but its "
      << "shape is " << bottom[0]->shape_string() << ".";
  CheckKernelLimit(this->layer_param_, *bottom[0]);
  num_ = bottom[0]->shape(0);
  channels_ = bottom[0]->shape(1);
  spatial_ = bottom[0]->count(2);
  CHECK(bottom[1]->num_axes() > 0 && bottom[1]->shape(0) == num_ &&
        bottom[1]->count() == num_ * spatial_)
      << LayerPrefix(this->layer_param_) << "bottom[1] must hold one scale for "
      << "each item and position of bottom[0], but the shapes are "
      << bottom[1]->shape_string() << " and " << bottom[0]->shape_string()
      << ". Were the two bottoms swapped?";
  top[0]->ReshapeLike(*bottom[0]);
  if (top.size() == 2) {
    top[1]->Reshape(vector<int>(1, 1));
  }
}

template <typename Dtype>
void ChannelScaleLayer<Dtype>::NextGlobalScale(const Blob<Dtype>& scale,
    const vector<Blob<Dtype>*>& top) {
  const ChannelScaleParameter& param =
      this->layer_param_.channel_scale_param();
  const bool train = this->phase_ == TRAIN;
  Dtype average = this->blobs_[0]->cpu_data()[0];
  if (train || average < 0) {
    const Dtype mean = scale.asum_data() / scale.count();
    average = average < 0 ? mean
        : Dtype(0.99) * average + Dtype(0.01) * mean;
  }
  global_scale_ = margin::Clip<Dtype>(average, param.min_global_scale(),
      param.max_global_scale());
  // A pass that has diverged shows it, but is not remembered.
  if (train && !std::isnan(global_scale_)) {
    this->blobs_[0]->mutable_cpu_data()[0] = global_scale_;
  }
  if (top.size() == 2) {
    top[1]->mutable_cpu_data()[0] = global_scale_;
  }
}

// y = s * x, s being (num x spatial).
template <typename Dtype>
static void ScaleChannels(const int num, const int channels, const int spatial,
    const Dtype* s, const Dtype* x, Dtype* y) {
  for (int n = 0; n < num; ++n) {
    if (spatial == 1) {
      const Dtype scale = *s;
      for (int c = 0; c < channels; ++c) {
        y[c] = scale * x[c];
      }
    } else {
      for (int c = 0; c < channels; ++c) {
        for (int i = 0; i < spatial; ++i) {
          y[c * spatial + i] = s[i] * x[c * spatial + i];
        }
      }
    }
    s += spatial;
    x += channels * spatial;
    y += channels * spatial;
  }
}

template <typename Dtype>
void ChannelScaleLayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  const ChannelScaleParameter& param =
      this->layer_param_.channel_scale_param();
  if (param.global_scale()) {
    NextGlobalScale(*bottom[1], top);
  }
  const Dtype* x = bottom[0]->cpu_data();
  Dtype* y = top[0]->mutable_cpu_data();
  if (!param.do_forward()) {
    caffe_copy(bottom[0]->count(), x, y);
  } else if (param.global_scale()) {
    caffe_cpu_scale(bottom[0]->count(), global_scale_, x, y);
  } else {
    ScaleChannels(num_, channels_, spatial_, bottom[1]->cpu_data(), x, y);
  }
}

template <typename Dtype>
void ChannelScaleLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  const ChannelScaleParameter& param =
      this->layer_param_.channel_scale_param();
  const Dtype* dy = top[0]->cpu_diff();
  if (propagate_down[0]) {
    Dtype* dx = bottom[0]->mutable_cpu_diff();
    if (!param.do_backward_feature()) {
      caffe_copy(bottom[0]->count(), dy, dx);
    } else if (param.global_scale()) {
      caffe_cpu_scale(bottom[0]->count(), global_scale_, dy, dx);
    } else {
      ScaleChannels(num_, channels_, spatial_, bottom[1]->cpu_data(), dy, dx);
    }
  }
  if (propagate_down[1]) {
    Dtype* ds = bottom[1]->mutable_cpu_diff();
    caffe_set(bottom[1]->count(), Dtype(0), ds);
    if (!param.do_backward_scale() || param.global_scale()) { return; }
    const Dtype* x = bottom[0]->cpu_data();
    for (int n = 0; n < num_; ++n) {
      if (spatial_ == 1) {
        *ds = caffe_cpu_dot(channels_, x, dy);
      } else {
        for (int c = 0; c < channels_; ++c) {
          for (int i = 0; i < spatial_; ++i) {
            ds[i] += x[c * spatial_ + i] * dy[c * spatial_ + i];
          }
        }
      }
      ds += spatial_;
      x += channels_ * spatial_;
      dy += channels_ * spatial_;
    }
  }
}

#ifdef CPU_ONLY
STUB_GPU(ChannelScaleLayer);
#endif

INSTANTIATE_CLASS(ChannelScaleLayer);
REGISTER_LAYER_CLASS(ChannelScale);

}  // namespace caffe
