// installed by amcaffe
#ifndef CAFFE_COSIN_ADD_M_LAYER_HPP_
#define CAFFE_COSIN_ADD_M_LAYER_HPP_

#include <vector>

#include "caffe/layers/target_margin_layer.hpp"

namespace caffe {

/**
 * @brief ArcFace as arcface-caffe names it: each row's cosine of its own label
 *        becomes @f$ \cos(\theta + m) @f$ with @f$ \theta = \arccos x_{ij} @f$
 *        in radians, and @f$ x_{ij} - m \sin m @f$ where @f$ \theta + m > \pi
 *        @f$: CombinedMargin with @f$ (1, m, 0) @f$ and the bound MONOTONE.
 *
 * In the TEST phase the cosines pass through, unless transform_test. May be
 * done in place.
 *
 * @param bottom input Blob vector (length 2)
 *   -# @f$ (N \times C) @f$
 *      the cosines @f$ x \in [-1, 1]@f$
 *   -# @f$ (N) @f$
 *      the labels @f$ t \in \{0, ..., C - 1\} @f$; a negative one leaves its
 *      row as it is, any other number stops the run
 * @param top output Blob vector (length 1)
 *   -# @f$ (N \times C) @f$
 *      the cosines with the margin
 *
 * J. Deng, J. Guo, N. Xue, S. Zafeiriou. ArcFace: Additive Angular Margin Loss
 * for Deep Face Recognition. https://arxiv.org/abs/1801.07698
 */
template <typename Dtype>
class CosinAddmLayer : public TargetMarginLayer<Dtype> {
 public:
  explicit CosinAddmLayer(const LayerParameter& param)
      : TargetMarginLayer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "CosinAddm"; }
  inline int ExactNumTopBlobs() const override { return 1; }
};

}  // namespace caffe

#endif  // CAFFE_COSIN_ADD_M_LAYER_HPP_
