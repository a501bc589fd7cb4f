// installed by amcaffe
#ifndef CAFFE_NORMALIZE_ROWS_HPP_
#define CAFFE_NORMALIZE_ROWS_HPP_

#include "caffe/layers/margin_math.hpp"

namespace caffe {

/**
 * Normalises the vectors along the middle axis of x (num x channels x
 * spatial): y = x / norm. y may be x, or NULL for the norms alone; norm, (num x
 * spatial), may be NULL.
 */
template <typename Dtype>
void caffe_cpu_normalize(margin::Norm kind, int num, int channels, int spatial,
    const Dtype* x, Dtype* y, Dtype* norm);

/**
 * The gradient of caffe_cpu_normalize by x. dx may be dy.
 *
 * @param x what the forward pass read, or, where `normalized`, what it wrote
 * @param norm_diff (num x spatial) gradient by the norm, or NULL for none
 * @param divide false leaves out the division by the norm (fix_gradient)
 * @param add true adds to dx rather than overwriting it
 */
template <typename Dtype>
void caffe_cpu_normalize_backward(margin::Norm kind, int num, int channels,
    int spatial, const Dtype* x, bool normalized, const Dtype* norm,
    const Dtype* dy, const Dtype* norm_diff, bool divide, bool add, Dtype* dx);

/**
 * Scales each class's weight vector to unit length, in place; a zero vector
 * stays zero. The weight is (rows x cols), or (cols x rows) if transposed, as
 * InnerProductLayer keeps it: rows = num_output, cols = the input's dimension.
 */
template <typename Dtype>
void caffe_cpu_normalize_rows(int rows, int cols, bool transposed,
    Dtype* weight);

#ifndef CPU_ONLY

/// As caffe_cpu_normalize, on device memory.
template <typename Dtype>
void caffe_gpu_normalize(margin::Norm kind, int num, int channels, int spatial,
    const Dtype* x, Dtype* y, Dtype* norm);

/// As caffe_cpu_normalize_backward, on device memory.
template <typename Dtype>
void caffe_gpu_normalize_backward(margin::Norm kind, int num, int channels,
    int spatial, const Dtype* x, bool normalized, const Dtype* norm,
    const Dtype* dy, const Dtype* norm_diff, bool divide, bool add, Dtype* dx);

/// As caffe_cpu_normalize_rows, on device memory.
template <typename Dtype>
void caffe_gpu_normalize_rows(int rows, int cols, bool transposed,
    Dtype* weight);

#endif  // !CPU_ONLY

}  // namespace caffe

#endif  // CAFFE_NORMALIZE_ROWS_HPP_
