// cuBLAS as far as Caffe and our layers use it, over the host's BLAS: the
// column-major conventions and the checks of sizes are cuBLAS's, the order in
// which sums are rounded is not.
#ifndef CUDA_EMULATION_CUBLAS_V2_H_
#define CUDA_EMULATION_CUBLAS_V2_H_

#include <cuda_runtime.h>

enum cublasStatus_t {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_ARCH_MISMATCH = 8,
  CUBLAS_STATUS_MAPPING_ERROR = 11,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_INTERNAL_ERROR = 14,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
  CUBLAS_STATUS_LICENSE_ERROR = 16
};
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };
enum cublasMath_t { CUBLAS_DEFAULT_MATH, CUBLAS_TF32_TENSOR_OP_MATH };
typedef struct CudaEmulationBlas* cublasHandle_t;

cublasStatus_t cublasCreate(cublasHandle_t* handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t* stream);

#define CUDA_EMULATION_BLAS(S, Dtype) \
  cublasStatus_t cublas##S##gemm(cublasHandle_t handle, \
      cublasOperation_t trans_a, cublasOperation_t trans_b, int m, int n, \
      int k, const Dtype* alpha, const Dtype* a, int lda, const Dtype* b, \
      int ldb, const Dtype* beta, Dtype* c, int ldc); \
  cublasStatus_t cublas##S##gemv(cublasHandle_t handle, \
      cublasOperation_t trans, int m, int n, const Dtype* alpha, \
      const Dtype* a, int lda, const Dtype* x, int incx, const Dtype* beta, \
      Dtype* y, int incy); \
  cublasStatus_t cublas##S##axpy(cublasHandle_t handle, int n, \
      const Dtype* alpha, const Dtype* x, int incx, Dtype* y, int incy); \
  cublasStatus_t cublas##S##scal(cublasHandle_t handle, int n, \
      const Dtype* alpha, Dtype* x, int incx); \
  cublasStatus_t cublas##S##copy(cublasHandle_t handle, int n, const Dtype* x, \
      int incx, Dtype* y, int incy); \
  cublasStatus_t cublas##S##dot(cublasHandle_t handle, int n, const Dtype* x, \
      int incx, const Dtype* y, int incy, Dtype* result); \
  cublasStatus_t cublas##S##asum(cublasHandle_t handle, int n, const Dtype* x, \
      int incx, Dtype* result);
CUDA_EMULATION_BLAS(S, float)
CUDA_EMULATION_BLAS(D, double)
#undef CUDA_EMULATION_BLAS

#endif  // CUDA_EMULATION_CUBLAS_V2_H_
