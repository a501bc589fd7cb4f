// installed by amcaffe
#include <vector>

#include "caffe/layers/normalize_rows.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

using margin::Norm;

// One position: a vector is contiguous, so BLAS sums it and one flat loop
// writes it. Many: a running sum per position keeps the inner loops contiguous.

template <typename Dtype>
void caffe_cpu_normalize(Norm kind, int num, int channels, int spatial,
    const Dtype* x, Dtype* y, Dtype* norm) {
  vector<Dtype> factor(spatial);
  for (int n = 0; n < num; ++n) {
    caffe_set(spatial, Dtype(0), factor.data());
    if (spatial == 1) {
      factor[0] = kind == margin::L1 ? caffe_cpu_asum(channels, x)
                                     : caffe_cpu_dot(channels, x, x);
    } else {
      for (int c = 0; c < channels; ++c) {
        for (int s = 0; s < spatial; ++s) {
          factor[s] += margin::NormTerm(kind, x[c * spatial + s]).value;
        }
      }
    }
    for (int s = 0; s < spatial; ++s) {
      const Dtype length = margin::NormOfSum(kind, factor[s]);
      if (norm) { norm[n * spatial + s] = length; }
      factor[s] = margin::InverseNorm(length);
    }
    if (y && spatial == 1) {
      const Dtype scale = factor[0];
      for (int c = 0; c < channels; ++c) { y[c] = x[c] * scale; }
    } else if (y) {
      for (int c = 0; c < channels; ++c) {
        for (int s = 0; s < spatial; ++s) {
          y[c * spatial + s] = x[c * spatial + s] * factor[s];
        }
      }
    }
    x += channels * spatial;
    if (y) { y += channels * spatial; }
  }
}

// Element i of the gradient by x.
template <typename Dtype>
inline void BackwardElement(Norm kind,
    const margin::NormGradient<Dtype>& gradient, const Dtype* x,
    const Dtype* dy, bool add, int i, Dtype* dx) {
  dx[i] = (add ? dx[i] : Dtype(0)) + gradient.diff * dy[i] +
      gradient.direction * margin::NormTerm(kind, x[i]).slope;
}

template <typename Dtype>
void caffe_cpu_normalize_backward(Norm kind, int num, int channels, int spatial,
    const Dtype* x, bool normalized, const Dtype* norm, const Dtype* dy,
    const Dtype* norm_diff, bool divide, bool add, Dtype* dx) {
  vector<Dtype> dot(spatial);
  vector<margin::NormGradient<Dtype> > gradient(spatial);
  for (int n = 0; n < num; ++n) {
    caffe_set(spatial, Dtype(0), dot.data());
    if (spatial == 1) {
      dot[0] = caffe_cpu_dot(channels, x, dy);
    } else {
      for (int c = 0; c < channels; ++c) {
        for (int s = 0; s < spatial; ++s) {
          dot[s] += x[c * spatial + s] * dy[c * spatial + s];
        }
      }
    }
    for (int s = 0; s < spatial; ++s) {
      const int position = n * spatial + s;
      gradient[s] = margin::BackwardNorm(kind, norm[position],
          normalized ? Dtype(1) : margin::InverseNorm(norm[position]), dot[s],
          norm_diff ? norm_diff[position] : Dtype(0), divide);
    }
    if (spatial == 1) {
      const margin::NormGradient<Dtype> only = gradient[0];
      for (int c = 0; c < channels; ++c) {
        BackwardElement(kind, only, x, dy, add, c, dx);
      }
    } else {
      for (int c = 0; c < channels; ++c) {
        for (int s = 0; s < spatial; ++s) {
          BackwardElement(kind, gradient[s], x, dy, add, c * spatial + s, dx);
        }
      }
    }
    x += channels * spatial;
    dy += channels * spatial;
    dx += channels * spatial;
  }
}

template <typename Dtype>
void caffe_cpu_normalize_rows(int rows, int cols, bool transposed,
    Dtype* weight) {
  caffe_cpu_normalize<Dtype>(margin::UNIT, transposed ? 1 : rows, cols,
      transposed ? rows : 1, weight, weight, NULL);
}

#define INSTANTIATE_CPU_NORMALIZE(Dtype) \
  template void caffe_cpu_normalize<Dtype>(Norm, int, int, int, const Dtype*, \
      Dtype*, Dtype*); \
  template void caffe_cpu_normalize_backward<Dtype>(Norm, int, int, int, \
      const Dtype*, bool, const Dtype*, const Dtype*, const Dtype*, bool, \
      bool, Dtype*); \
  template void caffe_cpu_normalize_rows<Dtype>(int, int, bool, Dtype*)

INSTANTIATE_CPU_NORMALIZE(float);
INSTANTIATE_CPU_NORMALIZE(double);

}  // namespace caffe
