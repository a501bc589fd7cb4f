// installed by amcaffe
#ifndef CAFFE_MARGIN_SOFTMAX_HPP_
#define CAFFE_MARGIN_SOFTMAX_HPP_

#include <vector>

#include "caffe/layers/margin_math.hpp"

namespace caffe {

/// One row of a softmax over cosines: its target, and what the forward pass
/// finds. The logits are scale * cosine, scale >= 0, the target's scale * psi.
template <typename Dtype>
struct MarginRow {
  int target;  ///< position among the classes; negative: the row is ignored
  Dtype scale;
  Dtype cosine;  ///< the target's, before the margin
  Dtype best_other;  ///< the largest other cosine; -infinity without one
  margin::Dual<Dtype> psi;  ///< the target's with the margin, and its slope
  margin::TargetLoss<Dtype> loss;
};

/**
 * The softmax loss of cosines with a margin, on the host: both passes take the
 * classes in blocks that fit into a core's cache, on as many threads as the
 * BLAS has. With u the unit features, w the weight's rows and p the softmax:
 *
 *   cos_ij = u_i . w_j / |w_j|
 *   dL / dcos_ij = g_ij = scale_i (p_ij - [j = t]) ([j = t] ? slope_i : 1)
 *   dL / dw_j = sum_i g_ij u_i / |w_j| - (sum_i g_ij cos_ij) w_j / |w_j|^2
 *
 * The products are with the weight as it is: 1 / |w_j| goes into the passes
 * over cos and g, so that the weight is never copied. The sums over blocks are
 * in their order, whatever the number of threads; those over the features'
 * gradients are the same for the same number of threads.
 */
template <typename Dtype>
class MarginSoftmax {
 public:
  MarginSoftmax() : rows_(0), dim_(0), classes_(0), block_(0), keep_(false) {}

  /**
   * @param dim length of a feature
   * @param chosen the classes that take part; empty for the first `classes`
   * @param keep_bytes the cosines are kept for Backward if they take no more
   */
  void Reshape(int rows, int dim, int classes, const std::vector<int>& chosen,
      size_t keep_bytes);

  /// Fills in all of *row but target and scale.
  /// @param unit (rows x dim), each of length 1 or 0
  /// @param weight (classes x dim)
  void Forward(const Dtype* unit, const Dtype* weight,
      const margin::LossMargin<Dtype>& margin,
      std::vector<MarginRow<Dtype> >* row);

  /**
   * Gradients of importance * sum_i loss_i.
   *
   * @param unit, weight, row as after Forward
   * @param feature_diff (rows x dim), overwritten with sum_j g_ij w_j / |w_j|,
   *     or NULL
   * @param by_scale (rows) with it: the gradient by scale_i
   * @param weight_diff (classes x dim), added to, or NULL
   */
  void Backward(const Dtype* unit, const Dtype* weight,
      const std::vector<MarginRow<Dtype> >& row, Dtype importance,
      Dtype* feature_diff, Dtype* by_scale, Dtype* weight_diff);

 private:
  /// What one thread works in.
  struct Desk {
    std::vector<Dtype> weight, weight_diff, cosine, gradient, along_weight;
    std::vector<Dtype> feature_diff, by_scale;
  };

  int Blocks() const { return (classes_ + block_ - 1) / block_; }
  int BlockBegin(int block) const { return block * block_; }
  int BlockSize(int block) const;
  /// Calls work(block, desk) for every block, each thread with its own desk.
  template <typename Work>
  void ForBlocks(bool backward, const Work& work);
  /// The block's rows of the weight; gathered where classes are chosen.
  const Dtype* BlockWeight(int block, const Dtype* weight, Desk* desk) const;
  Dtype* BlockCosines(int block, Desk* desk);
  void ForwardBlock(int block, const Dtype* unit, const Dtype* weight,
      Desk* desk, std::vector<MarginRow<Dtype> >* row);
  void BackwardBlock(int block, const Dtype* unit, const Dtype* weight,
      const std::vector<MarginRow<Dtype> >& row, Dtype importance,
      bool by_feature, Dtype* weight_diff, Desk* desk);

  int rows_, dim_, classes_;  ///< classes that take part
  std::vector<int> chosen_;
  int block_;  ///< classes in a block
  bool keep_;
  std::vector<Dtype> inverse_norm_;  ///< (classes)
  /// Kept cosines, block by block, each (rows x its classes).
  std::vector<Dtype> cosine_;
  /// (blocks x rows): each row's other classes in a block.
  std::vector<margin::LogSum<Dtype> > part_;
  std::vector<Desk> desks_;
};

}  // namespace caffe

#endif  // CAFFE_MARGIN_SOFTMAX_HPP_
