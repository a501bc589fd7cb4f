// installed by amcaffe
#ifndef CAFFE_UTIL_CUDNN_ALGORITHMS_HPP_
#define CAFFE_UTIL_CUDNN_ALGORITHMS_HPP_

// The calls by which Caffe's layers choose convolution algorithms left with
// cuDNN 8. Here they are again, on top of the finders that cuDNN has had since
// 7, so that the convolution and deconvolution layers of any tree stay as they
// are.

#include <cudnn.h>

#if CUDNN_VERSION >= 8000

#include <glog/logging.h>

#include <vector>

#include "caffe/util/cudnn_choice.hpp"
#include "caffe/util/gpu_settings.hpp"

namespace caffe {
namespace cudnn {

/// How a convolution multiplies. CUDNN_DEFAULT_MATH, which a new descriptor
/// has, takes TF32 for float wherever the GPU has it.
inline cudnnMathType_t ConvolutionMath() {
  return AllowTF32() ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
}

/// Whether an algorithm ran and computes at the precision asked for. One that
/// is listed with the default math is run with the descriptor's, set below.
struct Usable {
  template <typename Result>
  bool operator()(const Result& result) const {
    return result.status == CUDNN_STATUS_SUCCESS &&
        (result.mathType != CUDNN_TENSOR_OP_MATH || AllowTF32()) &&
        result.mathType != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;
  }
};

/// The limit that a preference of cuDNN 7 stands for; its values are 0 for no
/// workspace, 1 for the fastest whatever it takes, 2 for the limit given.
inline size_t WorkspaceLimit(const int preference, const size_t limit) {
  return preference == 0 ? 0
      : preference == 1  ? static_cast<size_t>(-1)
                         : CudnnWorkspaceLimit(limit);
}

/// What the three calls below have in common.
///
/// @param count_of    the call that tells how many results a finder may return
/// @param finder      one of cudnnGetConvolution*Algorithm_v7
/// @param a,b,conv,c  the finder's descriptors, in its order. The math of conv is
///                    set before it is asked: what it finds has to be what runs.
/// @return CUDNN_STATUS_NOT_SUPPORTED where cuDNN has no usable algorithm.
template <typename Result, typename Finder, typename A, typename B, typename C,
    typename Algorithm>
cudnnStatus_t FindAlgorithm(cudnnStatus_t (*count_of)(cudnnHandle_t, int*),
    const Finder& finder, cudnnHandle_t handle, const A a, const B b,
    const cudnnConvolutionDescriptor_t conv, const C c, const int preference,
    const size_t limit_given, Algorithm* algorithm) {
  int count = 0;
  cudnnStatus_t status = cudnnSetConvolutionMathType(conv, ConvolutionMath());
  if (status != CUDNN_STATUS_SUCCESS) { return status; }
  status = count_of(handle, &count);
  if (status != CUDNN_STATUS_SUCCESS) { return status; }
  std::vector<Result> results(count);
  status = finder(handle, a, b, conv, c, count, &count, results.data());
  if (status != CUDNN_STATUS_SUCCESS) { return status; }

  const size_t limit = WorkspaceLimit(preference, limit_given);
  const int chosen = ChooseAlgorithm(results.data(), count, limit, Usable());
  if (chosen < 0) { return CUDNN_STATUS_NOT_SUPPORTED; }
  // Layers ask again at every reshape, which is before every forward pass.
  LOG_IF_EVERY_N(WARNING, results[chosen].memory > limit, 1000)
      << "No cuDNN algorithm keeps to a workspace of " << limit
      << " bytes; the one taken needs " << results[chosen].memory
      << ". CAFFE_CUDNN_WORKSPACE_MIB sets the limit.";
  *algorithm = results[chosen].algo;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace cudnn
}  // namespace caffe

typedef enum {
  CUDNN_CONVOLUTION_FWD_NO_WORKSPACE = 0,
  CUDNN_CONVOLUTION_FWD_PREFER_FASTEST = 1,
  CUDNN_CONVOLUTION_FWD_SPECIFY_WORKSPACE_LIMIT = 2
} cudnnConvolutionFwdPreference_t;

typedef enum {
  CUDNN_CONVOLUTION_BWD_FILTER_NO_WORKSPACE = 0,
  CUDNN_CONVOLUTION_BWD_FILTER_PREFER_FASTEST = 1,
  CUDNN_CONVOLUTION_BWD_FILTER_SPECIFY_WORKSPACE_LIMIT = 2
} cudnnConvolutionBwdFilterPreference_t;

typedef enum {
  CUDNN_CONVOLUTION_BWD_DATA_NO_WORKSPACE = 0,
  CUDNN_CONVOLUTION_BWD_DATA_PREFER_FASTEST = 1,
  CUDNN_CONVOLUTION_BWD_DATA_SPECIFY_WORKSPACE_LIMIT = 2
} cudnnConvolutionBwdDataPreference_t;

inline cudnnStatus_t cudnnGetConvolutionForwardAlgorithm(cudnnHandle_t handle,
    const cudnnTensorDescriptor_t bottom, const cudnnFilterDescriptor_t filter,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t top,
    cudnnConvolutionFwdPreference_t preference, size_t limit,
    cudnnConvolutionFwdAlgo_t* algorithm) {
  return caffe::cudnn::FindAlgorithm<cudnnConvolutionFwdAlgoPerf_t>(
      cudnnGetConvolutionForwardAlgorithmMaxCount,
      cudnnGetConvolutionForwardAlgorithm_v7, handle, bottom, filter, conv, top,
      preference, limit, algorithm);
}

inline cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t bottom,
    const cudnnTensorDescriptor_t top, const cudnnConvolutionDescriptor_t conv,
    const cudnnFilterDescriptor_t filter,
    cudnnConvolutionBwdFilterPreference_t preference, size_t limit,
    cudnnConvolutionBwdFilterAlgo_t* algorithm) {
  return caffe::cudnn::FindAlgorithm<cudnnConvolutionBwdFilterAlgoPerf_t>(
      cudnnGetConvolutionBackwardFilterAlgorithmMaxCount,
      cudnnGetConvolutionBackwardFilterAlgorithm_v7, handle, bottom, top, conv,
      filter, preference, limit, algorithm);
}

inline cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t filter,
    const cudnnTensorDescriptor_t top, const cudnnConvolutionDescriptor_t conv,
    const cudnnTensorDescriptor_t bottom,
    cudnnConvolutionBwdDataPreference_t preference, size_t limit,
    cudnnConvolutionBwdDataAlgo_t* algorithm) {
  return caffe::cudnn::FindAlgorithm<cudnnConvolutionBwdDataAlgoPerf_t>(
      cudnnGetConvolutionBackwardDataAlgorithmMaxCount,
      cudnnGetConvolutionBackwardDataAlgorithm_v7, handle, filter, top, conv,
      bottom, preference, limit, algorithm);
}

#endif  // CUDNN_VERSION >= 8000

#endif  // CAFFE_UTIL_CUDNN_ALGORITHMS_HPP_
