// installed by amcaffe
#include <algorithm>
#include <vector>

#include "caffe/layers/flip_layer.hpp"
#include "caffe/layers/kernel_limit.hpp"

namespace caffe {

template <typename Dtype>
void FlipLayer<Dtype>::LayerSetUp(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  CHECK(top[0] != bottom[0]) << LayerPrefix(this->layer_param_)
      << "cannot mirror in place. Give the top another name than the bottom.";
  flip_width_ = this->layer_param_.flip_param().flip_width();
  flip_height_ = this->layer_param_.flip_param().flip_height();
}

template <typename Dtype>
void FlipLayer<Dtype>::Reshape(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  CHECK_EQ(bottom[0]->num_axes(), 4) << LayerPrefix(this->layer_param_)
      << "the bottom must be images, (N x C x H x W), but its shape is "
      << bottom[0]->shape_string() << ".";
  CheckKernelLimit(this->layer_param_, *bottom[0]);
  top[0]->ReshapeLike(*bottom[0]);
}

template <typename Dtype>
void FlipLayer<Dtype>::Mirror_cpu(const Blob<Dtype>& shape, const Dtype* from,
    Dtype* to) {
  const int images = shape.count(0, 2);
  const int height = shape.shape(2);
  const int width = shape.shape(3);
  for (int i = 0; i < images; ++i) {
    for (int h = 0; h < height; ++h, to += width) {
      const Dtype* row = from +
          (i * height + (flip_height_ ? height - 1 - h : h)) * width;
      if (flip_width_) {
        std::reverse_copy(row, row + width, to);
      } else {
        std::copy(row, row + width, to);
      }
    }
  }
}

template <typename Dtype>
void FlipLayer<Dtype>::Forward_cpu(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {
  Mirror_cpu(*bottom[0], bottom[0]->cpu_data(), top[0]->mutable_cpu_data());
}

template <typename Dtype>
void FlipLayer<Dtype>::Backward_cpu(const vector<Blob<Dtype>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<Dtype>*>& bottom) {
  if (propagate_down[0]) {
    Mirror_cpu(*bottom[0], top[0]->cpu_diff(), bottom[0]->mutable_cpu_diff());
  }
}

#ifdef CPU_ONLY
STUB_GPU(FlipLayer);
#endif

INSTANTIATE_CLASS(FlipLayer);
REGISTER_LAYER_CLASS(Flip);

}  // namespace caffe
