// installed by amcaffe
#ifndef CAFFE_MARGIN_INNER_PRODUCT_LAYER_HPP_
#define CAFFE_MARGIN_INNER_PRODUCT_LAYER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/layers/label_check.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * @brief SphereFace's A-Softmax: @f$ y_{ij} = ||f_i|| \cos \theta_{ij} @f$, the
 *        angle being that between an input and a class's weight vector, and at
 *        each row's label @f$ y_{ij} = ||f_i|| \frac{\lambda \cos \theta_{ij} +
 *        \psi(\theta_{ij})}{1 + \lambda} @f$ with @f$ \psi = (-1)^k \cos
 *        (m \theta) - 2k @f$, @f$ k = \lfloor m \theta / \pi \rfloor @f$.
 *
 * MarginInnerProductParameter says how @f$ \lambda @f$ is annealed; the count
 * of passes is then the second blob. In the TEST phase there is no margin,
 * unless transform_test. The gradients are exact, also through the length of
 * the weights, which are not themselves normalised; a zero vector gives 0, and
 * as a weight has gradient 0.
 *
 * @param bottom input Blob vector (length 2)
 *   -# @f$ (N \times C \times H \times W) @f$
 *      the vectors @f$ f @f$; the axes from `axis` on are one vector of length
 *      @f$ K @f$
 *   -# @f$ (N) @f$
 *      the labels @f$ t \in \{0, ..., num\_output - 1\} @f$; a negative one is
 *      that of a row without a margin, any other number stops the run
 * @param top output Blob vector (length 1-2)
 *   -# @f$ (N \times num\_output) @f$
 *      the logits @f$ y @f$
 *   -# @f$ (1) @f$
 *      @f$ \lambda @f$, or 0 where there is no margin
 *
 * W. Liu, Y. Wen, Z. Yu, M. Li, B. Raj, L. Song. SphereFace: Deep Hypersphere
 * Embedding for Face Recognition. https://arxiv.org/abs/1704.08063
 */
template <typename Dtype>
class MarginInnerProductLayer : public Layer<Dtype> {
 public:
  explicit MarginInnerProductLayer(const LayerParameter& param)
      : Layer<Dtype>(param) {}
  void LayerSetUp(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;
  void Reshape(const vector<Blob<Dtype>*>& bottom,
      const vector<Blob<Dtype>*>& top) override;

  inline const char* type() const override { return "MarginInnerProduct"; }
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

  /// Sets this forward pass's lambda, also in the second top; counts the pass
  /// if it is a training one.
  void NextLambda(const vector<Blob<Dtype>*>& top);

  int M_;  ///< inputs
  int N_;  ///< classes
  int K_;  ///< length of a vector
  bool active_;  ///< whether this phase has the margin
  bool anneal_;
  margin::ASoftmax<Dtype> margin_;
  Blob<Dtype> unit_weight_, weight_norm_;
  Blob<Dtype> input_norm_;  ///< (M)
  /// (M) what the gradient at each row's label takes; data of the last forward
  /// pass. kept_ is of use within Backward alone.
  Blob<Dtype> slope_, radial_, kept_;
  LabelCheck label_check_;
};

}  // namespace caffe

#endif  // CAFFE_MARGIN_INNER_PRODUCT_LAYER_HPP_
