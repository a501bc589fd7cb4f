// installed by amcaffe
#ifndef CAFFE_UTIL_CUBLAS_HANDLE_HPP_
#define CAFFE_UTIL_CUBLAS_HANDLE_HPP_

#ifndef CPU_ONLY

#include <cublas_v2.h>
#include <cuda.h>

#include "caffe/util/gpu_settings.hpp"

namespace caffe {

/// cublasCreate, with TF32 where the user allows it.
inline cublasStatus_t CreateCublasHandle(cublasHandle_t* handle) {
  const cublasStatus_t status = cublasCreate(handle);
#if CUDA_VERSION >= 11000
  if (status == CUBLAS_STATUS_SUCCESS && AllowTF32()) {
    return cublasSetMathMode(*handle, CUBLAS_TF32_TENSOR_OP_MATH);
  }
#endif
  return status;
}

}  // namespace caffe

#endif  // CPU_ONLY

#endif  // CAFFE_UTIL_CUBLAS_HANDLE_HPP_
