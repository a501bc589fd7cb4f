// installed by amcaffe
#ifndef CAFFE_CHANNEL_SCALE_LAYER_HPP_
#define CAFFE_CHANNEL_SCALE_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * @brief Scales the vector along the channels, at each position, by a number
 *        of its own: @f$ y_c = s x_c @f$. With Normalize's second top as
 *        @f$ s @f$, cosines become logits that grow with the feature's length.
 *
 * With global_scale there is one @f$ s @f$ for all, a running average of the
 * second bottom's magnitude, which is this layer's only blob and a constant to
 * the gradient. ChannelScaleParameter has its limits, and flags that leave out
 * the scaling of one direction.
 *
 * @param bottom input Blob vector (length 2)
 *   -# @f$ (N \times C \times H \times W) @f$, or with fewer or more axes
 *      after the second
 *      the vectors @f$ x @f$
 *   -# @f$ (N \times 1 \times H \times W) @f$, or any shape of @f$ N @f$ items
 *      with as many numbers
 *      the scales @f$ s @f$
 * @param top output Blob vector (length 1, or 2 with global_scale)
 *   -# as the first bottom, and not the same blob
 *      the scaled vectors @f$ y @f$
 *   -# @f$ (1) @f$
 *      the global scale
 */
template <typename Dtype>
class ChannelScaleLayer : public Layer<Dtype> {
 public:
  explicit ChannelScaleLayer(const LayerParameter& param)
      : Layer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "ChannelScale"; }
  inline int ExactNumBottomBlobs() const override { return 2; }
  inline int MinTopBlobs() const override { return 1; }
  inline int MaxTopBlobs() const override { return 2; }

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

  /// Sets this forward pass's global scale, also in the second top; a training
  /// pass moves the average.
  void NextGlobalScale(const Blob<Dtype>& scale,
      const vector<Blob<Dtype>*>& top);

  int num_, channels_;
  int spatial_;  ///< positions per item, H * W
  Dtype global_scale_;  ///< of the last forward pass
};

}  // namespace caffe

#endif  // CAFFE_CHANNEL_SCALE_LAYER_HPP_
