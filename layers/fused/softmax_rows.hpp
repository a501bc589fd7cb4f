// installed by amcaffe
#ifndef CAFFE_SOFTMAX_ROWS_HPP_
#define CAFFE_SOFTMAX_ROWS_HPP_

#include <vector>

namespace caffe {

/**
 * The passes of a softmax over n neighbouring elements of a row, for the
 * host's vector instructions. All results are those of the plain loops: an
 * infinity or a NaN goes where these would take it.
 */
template <typename Dtype>
struct SoftmaxRows {
  const char* name;  ///< the instruction set

  /// x_j *= factor_j. Returns the largest x_j; NaNs are passed over, and of
  /// none it is -infinity.
  Dtype (*scale_max)(int n, const Dtype* factor, Dtype* x);

  /// Returns sum_j exp(scale * (x_j - best)).
  Dtype (*sum_exp)(int n, Dtype scale, Dtype best, const Dtype* x);

  /// With p_j = exp(scale * x_j - shift), the gradient by x_j is g_j = weight *
  /// scale * p_j: factor_j * g_j goes to gradient_j, and x_j * g_j is added to
  /// along_j. Returns sum_j weight * p_j * x_j.
  Dtype (*gradient)(int n, Dtype scale, Dtype shift, Dtype weight,
      const Dtype* x, const Dtype* factor, Dtype* gradient, Dtype* along);
};

/// Those for this processor, chosen once.
template <typename Dtype>
const SoftmaxRows<Dtype>& BestSoftmaxRows();

/// Every one that this processor can run, the plainest first.
template <typename Dtype>
std::vector<const SoftmaxRows<Dtype>*> AllSoftmaxRows();

}  // namespace caffe

#endif  // CAFFE_SOFTMAX_ROWS_HPP_
