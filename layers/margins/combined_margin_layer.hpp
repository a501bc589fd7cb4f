// installed by amcaffe
#ifndef CAFFE_COMBINED_MARGIN_LAYER_HPP_
#define CAFFE_COMBINED_MARGIN_LAYER_HPP_

#include <vector>

#include "caffe/layers/target_margin_layer.hpp"

namespace caffe {

/**
 * @brief Puts a margin on each row's cosine of its own label: @f$ y_{ij} =
 *        \cos(m_1 \theta + m_2) - m_3 @f$ with @f$ \theta = \arccos x_{ij} @f$
 *        in radians for @f$ j = t_i @f$, and @f$ y_{ij} = x_{ij} @f$ elsewhere.
 *
 * CombinedMarginParameter names the special cases and what happens past
 * @f$ \pi @f$; margin_math.hpp has the limits of the cosine and the slope. In
 * the TEST phase the cosines pass through, unless transform_test. May be done
 * in place: the slopes are kept from the forward pass.
 *
 * @param bottom input Blob vector (length 2)
 *   -# @f$ (N \times C) @f$
 *      the cosines @f$ x \in [-1, 1]@f$
 *   -# @f$ (N) @f$
 *      the labels @f$ t \in \{0, ..., C - 1\} @f$; a negative one leaves its
 *      row as it is, any other number stops the run
 * @param top output Blob vector (length 1)
 *   -# @f$ (N \times C) @f$
 *      the cosines with the margin @f$ y @f$
 *
 * J. Deng, J. Guo, N. Xue, S. Zafeiriou. ArcFace: Additive Angular Margin Loss
 * for Deep Face Recognition. https://arxiv.org/abs/1801.07698
 */
template <typename Dtype>
class CombinedMarginLayer : public TargetMarginLayer<Dtype> {
 public:
  explicit CombinedMarginLayer(const LayerParameter& param)
      : TargetMarginLayer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "CombinedMargin"; }
  inline int ExactNumTopBlobs() const override { return 1; }
};

}  // namespace caffe

#endif  // CAFFE_COMBINED_MARGIN_LAYER_HPP_
