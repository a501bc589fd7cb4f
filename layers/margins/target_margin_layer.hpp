// installed by amcaffe
#ifndef CAFFE_TARGET_MARGIN_LAYER_HPP_
#define CAFFE_TARGET_MARGIN_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/layers/label_check.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * @brief What the layers have in common that put a margin on each row's cosine
 *        of its own label: @f$ y_{ij} = \cos(m_1 \theta + m_2) - m_3 @f$ with
 *        @f$ \theta = \arccos x_{ij} @f$ in radians for @f$ j = t_i @f$, and
 *        @f$ y_{ij} = x_{ij} @f$ elsewhere.
 *
 * margin_math.hpp has the formula past @f$ \pi @f$, and the limits of the
 * cosine and the slope. The derived layers set the margin and say when there is
 * one; without, the cosines pass through. May be done in place: the slopes are
 * kept from the forward pass.
 *
 * @param bottom input Blob vector (length 2)
 *   -# @f$ (N \times C) @f$
 *      the cosines @f$ x \in [-1, 1]@f$
 *   -# @f$ (N) @f$
 *      the labels @f$ t \in \{0, ..., C - 1\} @f$; a negative one leaves its
 *      row as it is, any other number stops the run
 * @param top output Blob vector
 *   -# @f$ (N \times C) @f$
 *      the cosines with the margin @f$ y @f$
 */
template <typename Dtype>
class TargetMarginLayer : public Layer<Dtype> {
 public:
  explicit TargetMarginLayer(const LayerParameter& param)
      : Layer<Dtype>(param), active_(false), pass_gradient_(false) {}
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline int ExactNumBottomBlobs() const override { return 2; }
  inline bool AllowForceBackward(const int bottom_index) const override {
    return bottom_index != 1;
  }

 protected:
  /// Called by each forward pass before the margin is used, for those that
  /// change it or have a second top.
  virtual void NextMargin(const vector<Blob<Dtype>*>& top) {}

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

  bool active_;  ///< whether this phase has the margin
  bool pass_gradient_;  ///< whether the gradient is passed through as it is
  margin::CombinedMargin<Dtype> margin_;
  Blob<Dtype> slope_;  ///< (N) dy / dx at each row's label
  LabelCheck label_check_;
};

}  // namespace caffe

#endif  // CAFFE_TARGET_MARGIN_LAYER_HPP_
