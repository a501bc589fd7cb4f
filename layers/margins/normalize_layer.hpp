// installed by amcaffe
#ifndef CAFFE_NORMALIZE_LAYER_HPP_
#define CAFFE_NORMALIZE_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * @brief Scales the vector along the channels, at each position, to unit
 *        length: @f$ y_c = x_c / n @f$ with @f$ n = \sqrt{\sum_c x_c^2 +
 *        10^{-12}} @f$ (L2) or @f$ n = \sum_c |x_c| + 10^{-6} @f$ (L1).
 *
 * fix_gradient leaves out the division by @f$ n @f$ from the gradient through
 * @f$ y @f$; bp_norm adds the gradient through @f$ n @f$. A zero vector gives
 * zeros; its gradient is the exact one, @f$ 10^6 @f$ times that of @f$ y @f$.
 * May be done in place.
 *
 * @param bottom input Blob vector (length 1)
 *   -# @f$ (N \times C \times H \times W) @f$, or with fewer or more axes
 *      after the second
 *      the vectors @f$ x \in [-\infty, +\infty]@f$
 * @param top output Blob vector (length 1-2)
 *   -# as the bottom
 *      the unit vectors @f$ y \in [-1, 1]@f$
 *   -# @f$ (N \times 1 \times H \times W) @f$
 *      the norms @f$ n > 0 @f$
 */
template <typename Dtype>
class NormalizeLayer : public Layer<Dtype> {
 public:
  explicit NormalizeLayer(const LayerParameter& param) : Layer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "Normalize"; }
  inline int ExactNumBottomBlobs() const override { return 1; }
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

  margin::Norm norm_type_;
  bool fix_gradient_;
  bool bp_norm_;
  int spatial_;  ///< positions per item, H * W
  Blob<Dtype> norm_;  ///< (N x 1 x H x W)
};

}  // namespace caffe

#endif  // CAFFE_NORMALIZE_LAYER_HPP_
