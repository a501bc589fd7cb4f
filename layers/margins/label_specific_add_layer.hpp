// installed by amcaffe
#ifndef CAFFE_LABEL_SPECIFIC_ADD_LAYER_HPP_
#define CAFFE_LABEL_SPECIFIC_ADD_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/layers/label_check.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * @brief Adds a bias to each row's logit of its own label: @f$ y_{ij} =
 *        x_{ij} + b \, [j = t_i \wedge x_{ij} > -b] @f$. With @f$ b = -m @f$
 *        this is the additive margin of AM-Softmax as it was released;
 *        unconditional drops the second condition, as in the paper.
 *
 * The bias may be annealed (LabelSpecificAddParameter); the count of passes is
 * then this layer's only blob. The gradient is passed through. In the TEST
 * phase the logits are, unless transform_test. May be done in place.
 *
 * @param bottom input Blob vector (length 2)
 *   -# @f$ (N \times C) @f$
 *      the logits @f$ x \in [-\infty, +\infty]@f$; cosines for AM-Softmax
 *   -# @f$ (N) @f$
 *      the labels @f$ t \in \{0, ..., C - 1\} @f$; a negative one leaves its
 *      row as it is, any other number stops the run
 * @param top output Blob vector (length 1-2)
 *   -# @f$ (N \times C) @f$
 *      the logits @f$ y @f$
 *   -# @f$ (1) @f$
 *      the bias in force: @f$ b @f$, or 0 where logits pass through
 *
 * F. Wang, W. Liu, H. Liu, J. Cheng. Additive Margin Softmax for Face
 * Verification. https://arxiv.org/abs/1801.05599
 */
template <typename Dtype>
class LabelSpecificAddLayer : public Layer<Dtype> {
 public:
  explicit LabelSpecificAddLayer(const LayerParameter& param)
      : Layer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "LabelSpecificAdd"; }
  inline int ExactNumBottomBlobs() const override { return 2; }
  inline int MinTopBlobs() const override { return 1; }
  inline int MaxTopBlobs() const override { return 2; }
  inline bool AllowForceBackward(const int bottom_index) const override {
    return bottom_index != 1;
  }

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

  /// The bias of this forward pass; counts the pass if it is a training one.
  Dtype NextBias();

  bool active_;  ///< whether this phase has the bias
  bool anneal_;
  margin::LabelSpecificAdd<Dtype> margin_;
  LabelCheck label_check_;
};

}  // namespace caffe

#endif  // CAFFE_LABEL_SPECIFIC_ADD_LAYER_HPP_
