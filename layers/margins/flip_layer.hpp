// installed by amcaffe
#ifndef CAFFE_FLIP_LAYER_HPP_
#define CAFFE_FLIP_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * @brief Mirrors images: @f$ y_{nchw} = x_{nch(W-1-w)} @f$ with flip_width,
 *        @f$ y_{nchw} = x_{nc(H-1-h)w} @f$ with flip_height, or both.
 *
 * @param bottom input Blob vector (length 1)
 *   -# @f$ (N \times C \times H \times W) @f$
 *      the images @f$ x @f$
 * @param top output Blob vector (length 1), not the bottom itself
 *   -# @f$ (N \times C \times H \times W) @f$
 *      the mirrored images @f$ y @f$
 */
template <typename Dtype>
class FlipLayer : public Layer<Dtype> {
 public:
  explicit FlipLayer(const LayerParameter& param) : Layer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "Flip"; }
  inline int ExactNumBottomBlobs() const override { return 1; }
  inline int ExactNumTopBlobs() const override { return 1; }

 protected:
  void Forward_cpu(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Forward_gpu(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Backward_cpu(const vector<Blob<Dtype>*>& top,
      const vector<bool>& propagate_down,
      const vector<Blob<Dtype>*>& bottom) override;
  void Backward_gpu(const vector<Blob<Dtype>*>& top,
      const vector<bool>& propagate_down,
      const vector<Blob<Dtype>*>& bottom) override;

  /// Mirrors from into to, both shaped as shape; its own inverse.
  void Mirror_cpu(const Blob<Dtype>& shape, const Dtype* from, Dtype* to);
  void Mirror_gpu(const Blob<Dtype>& shape, const Dtype* from, Dtype* to);

  bool flip_width_;
  bool flip_height_;
};

}  // namespace caffe

#endif  // CAFFE_FLIP_LAYER_HPP_
