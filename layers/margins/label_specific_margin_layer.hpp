// installed by amcaffe
#ifndef CAFFE_LABEL_SPECIFIC_MARGIN_LAYER_HPP_
#define CAFFE_LABEL_SPECIFIC_MARGIN_LAYER_HPP_

#include <vector>

#include "caffe/layers/target_margin_layer.hpp"

namespace caffe {

/**
 * @brief Puts a margin on the angle of each row's label, which may be annealed:
 *        @f$ \cos(\theta + m) @f$ with @f$ m @f$ in degrees (HARD), or @f$
 *        \cos(m \theta) @f$ with @f$ m @f$ a factor (SOFT), with @f$ \theta =
 *        \arccos x_{ij} @f$ for @f$ j = t_i @f$.
 *
 * LabelSpecificMarginParameter says how the margin is annealed. It is this
 * layer's first blob; if margin_base is set, the second is the count of passes.
 * In the TEST phase the cosines pass through, unless margin_on_test. May be
 * done in place.
 *
 * @param bottom input Blob vector (length 2)
 *   -# @f$ (N \times C) @f$
 *      the cosines @f$ x \in [-1, 1]@f$
 *   -# @f$ (N) @f$
 *      the labels @f$ t \in \{0, ..., C - 1\} @f$; a negative one leaves its
 *      row as it is, any other number stops the run
 * @param top output Blob vector (length 1-2)
 *   -# @f$ (N \times C) @f$
 *      the cosines with the margin
 *   -# @f$ (1) @f$
 *      the margin in force: @f$ m @f$, or 0 where cosines pass through
 */
template <typename Dtype>
class LabelSpecificMarginLayer : public TargetMarginLayer<Dtype> {
 public:
  explicit LabelSpecificMarginLayer(const LayerParameter& param)
      : TargetMarginLayer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "LabelSpecificMargin"; }
  inline int MinTopBlobs() const override { return 1; }
  inline int MaxTopBlobs() const override { return 2; }

 protected:
  void NextMargin(const vector<Blob<Dtype>*>& top) override;

  /// The margin of this pass.
  Dtype Annealed() const;
};

}  // namespace caffe

#endif  // CAFFE_LABEL_SPECIFIC_MARGIN_LAYER_HPP_
