// installed by amcaffe
#ifndef CAFFE_NORMALIZED_INNER_PRODUCT_LAYER_HPP_
#define CAFFE_NORMALIZED_INNER_PRODUCT_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * @brief The cosine of each input with each class's weight vector: @f$ y_{ij} =
 *        \frac{f_i \cdot w_j}{||f_i|| \, ||w_j||} @f$; without normalize_input,
 *        @f$ y_{ij} = f_i \cdot w_j / ||w_j|| @f$.
 *
 * The gradients are exact through both normalisations. A zero vector (or one
 * so short that its squared length underflows) gives 0, with gradient 0. The
 * weights are shaped as InnerProductLayer's and are not themselves normalised,
 * so the two layers can start from each other's.
 *
 * @param bottom input Blob vector (length 1)
 *   -# @f$ (N \times C \times H \times W) @f$
 *      the vectors @f$ f @f$; the axes from `axis` on are one vector of length
 *      @f$ K @f$
 * @param top output Blob vector (length 1)
 *   -# @f$ (N \times num\_output) @f$
 *      the cosines @f$ y \in [-1, 1]@f$
 *
 * F. Wang, X. Xiang, J. Cheng, A. L. Yuille. NormFace: L2 Hypersphere Embedding
 * for Face Verification. https://arxiv.org/abs/1704.06369
 */
template <typename Dtype>
class NormalizedInnerProductLayer : public Layer<Dtype> {
 public:
  explicit NormalizedInnerProductLayer(const LayerParameter& param)
      : Layer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "NormalizedInnerProduct"; }
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

  int M_;  ///< inputs
  int N_;  ///< classes
  int K_;  ///< length of a vector
  bool normalize_input_;
  /// The unit vectors. Backward reads these and no top data, so that a margin
  /// may be put on the cosines in place.
  Blob<Dtype> unit_input_, unit_weight_;
  Blob<Dtype> input_norm_, weight_norm_;
};

}  // namespace caffe

#endif  // CAFFE_NORMALIZED_INNER_PRODUCT_LAYER_HPP_
