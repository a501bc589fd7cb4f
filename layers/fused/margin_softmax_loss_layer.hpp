// installed by amcaffe
#ifndef CAFFE_MARGIN_SOFTMAX_LOSS_LAYER_HPP_
#define CAFFE_MARGIN_SOFTMAX_LOSS_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/layers/class_sampler.hpp"
#include "caffe/layers/label_check.hpp"
#include "caffe/layers/loss_layer.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/layers/margin_softmax.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

template <typename Dtype> struct MarginSoftmaxLossOnGpu;

/**
 * @brief The softmax loss of scaled cosines with a margin on the target's, in
 *        one layer: @f$ E = \frac{-1}{Z} \sum_i \log
 *        \frac{e^{s \psi(\theta_{t})}}
 *             {e^{s \psi(\theta_{t})} + \sum_{j \ne t} e^{s \cos\theta_j}} @f$
 *        with @f$ \cos\theta_j = \frac{f_i \cdot w_j}{||f_i|| \, ||w_j||} @f$,
 *        @f$ t = t_i @f$ and @f$ \psi(\theta) = \cos(m_1 \theta + m_2) - m_3
 *        @f$. Z is loss_param's normaliser.
 *
 * It is NormalizedInnerProduct, CombinedMargin, Scale and SoftmaxWithLoss, with
 * the same weight blob as the first, and keeps the (N x C) cosines once, or
 * above memory_mb not at all (MarginSoftmaxLossParameter). With sample_rate
 * below 1 the softmax runs over the batch's classes and a random share of the
 * others. With `unconditional` false it is AM-Softmax as it was released
 * (LabelSpecificAdd), and with `base`, without normalize_feature, A-Softmax
 * (MarginInnerProduct).
 *
 * The margin and s may be annealed (anneal_iter, gamma): the count of passes is
 * then the second blob. In the TEST phase there is no margin, unless
 * transform_test, and s and the margin are those the training has come to.
 *
 * The rows of the weight that a pass did not sample get no gradient. A solver
 * moves them all the same: by its momentum, and by weight decay.
 *
 * @param bottom input Blob vector (length 2)
 *   -# @f$ (N \times D) @f$
 *      the features @f$ f @f$; the axes from 1 on are one vector of length D
 *   -# @f$ (N) @f$
 *      the labels @f$ t \in \{0, ..., C - 1\} @f$; a row with a negative one or
 *      with loss_param's ignore_label has no loss and no gradient, any other
 *      number stops the run
 * @param top output Blob vector (length 1-2)
 *   -# @f$ (1) @f$ the loss
 *   -# @f$ (3) @f$ means over the rows with a loss: the target's cosine before
 *      the margin, the best other cosine, and the share of rows in which the
 *      first is the larger (the training accuracy); among the sampled classes,
 *      where classes are sampled
 *
 * F. Wang, W. Liu, H. Liu, J. Cheng. Additive Margin Softmax for Face
 * Verification. https://arxiv.org/abs/1801.05599
 * X. An et al. Partial FC: Training 10 Million Identities on a Single Machine.
 * https://arxiv.org/abs/2010.05222
 */
template <typename Dtype>
class MarginSoftmaxLossLayer : public LossLayer<Dtype> {
 public:
  explicit MarginSoftmaxLossLayer(const LayerParameter& param)
      : LossLayer<Dtype>(param), normalization_(LossParameter::VALID) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "MarginSoftmaxLoss"; }
  inline int ExactNumTopBlobs() const override { return -1; }
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

  /// Checks and stores the margin, the scale and how they are annealed.
  void SetUpMargin();
  /// Sets this forward pass's margin and scale; counts the pass if it is a
  /// training one.
  void NextMargin();
  /// The class of each row, negative for a row to ignore.
  vector<int> Targets(const Blob<Dtype>& label) const;
  /// Draws chosen_ if classes are sampled in this phase, and turns targets into
  /// positions among the drawn.
  void SampleClasses(vector<int>* target);
  /// What the sum of the losses is divided by, for so many rows with a loss.
  Dtype Normalizer(int rows_with_loss) const;

  int N_;  ///< rows
  int D_;  ///< length of a feature
  int C_;  ///< classes
  /// What annealing starts from and ends with.
  struct Setting {
    margin::CombinedMargin<Dtype> margin;
    Dtype scale;
  };
  Setting start_, end_;
  bool has_margin_;  ///< in this phase
  bool counts_;  ///< whether passes are counted: something is annealed
  /// Of the last forward pass; the margin is (1, 0, 0) in a phase without one.
  margin::LossMargin<Dtype> margin_;
  Dtype scale_;
  bool normalize_feature_;
  /// The budget for the cosines kept between the passes; 0 in the TEST phase.
  size_t keep_bytes_;
  Dtype ignore_label_;  ///< -1 without one
  LossParameter_NormalizationMode normalization_;
  LabelCheck label_check_;
  shared_ptr<ClassSampler> sampler_;  ///< NULL where all classes take part
  vector<int> chosen_;  ///< the classes of this pass, ascending; empty for all
  Blob<Dtype> unit_feature_, feature_norm_;

  MarginSoftmax<Dtype> softmax_;  ///< the CPU's
  vector<MarginRow<Dtype> > row_;
  shared_ptr<MarginSoftmaxLossOnGpu<Dtype> > on_gpu_;
};

}  // namespace caffe

#endif  // CAFFE_MARGIN_SOFTMAX_LOSS_LAYER_HPP_
