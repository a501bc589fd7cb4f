// installed by amcaffe
#ifndef CAFFE_KERNEL_LIMIT_HPP_
#define CAFFE_KERNEL_LIMIT_HPP_

#include <cstdint>

#include "caffe/blob.hpp"
#include "caffe/layers/layer_prefix.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/// What CUDA_KERNEL_LOOP can go over: its threads, about as many as there are
/// elements, each step by that many in an int, so that beyond 2^30 the step of
/// the last of them wraps, and a kernel writes before the blob's begin. Caffe's
/// solvers and layers loop over whole blobs, as do some of ours.
const int kKernelLimit = 1 << 30;

/// Stops a layer with a matrix that a kernel could not go over. A net that is
/// set up for the CPU may run on a GPU later, so either mode is held to it.
///
/// @param what the matrix is, and what to do about its size, for the error
inline void CheckKernelLimit(const LayerParameter& param, const char* what,
    const int64_t rows, const int64_t columns, const char* advice) {
  CHECK_LE(rows * columns, kKernelLimit) << LayerPrefix(param) << what
      << " has " << rows << " x " << columns << " numbers, but Caffe's GPU "
      << "kernels go over at most 2^30 of a blob. " << advice;
}

/// The same for all of a bottom.
template <typename Dtype>
void CheckKernelLimit(const LayerParameter& param, const Blob<Dtype>& bottom) {
  CheckKernelLimit(param, "bottom[0]", bottom.shape(0), bottom.count(1),
      "Take a smaller batch.");
}

}  // namespace caffe

#endif  // CAFFE_KERNEL_LIMIT_HPP_
