// cuBLAS and cuRAND for the emulated device; the headers say what differs.
#include <cblas.h>
#include <cublas_v2.h>
#include <curand.h>

#include <algorithm>
#include <random>

#include "device.hpp"

using cuda_emulation::CheckDeviceRange;
using cuda_emulation::DeviceAccess;
using cuda_emulation::Enqueue;
using cuda_emulation::Synchronize;

struct CudaEmulationBlas { cudaStream_t stream; };

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  *handle = new CudaEmulationBlas();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) {
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t* stream) {
  *stream = handle->stream;
  return CUBLAS_STATUS_SUCCESS;
}

namespace {

CBLAS_TRANSPOSE Of(const cublasOperation_t operation) {
  return operation == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
}

// Whether a column-major matrix of so many rows may have this distance from
// column to column; where it may, its memory is checked.
template <typename Dtype>
bool Matrix(const Dtype* data, const int rows, const int columns,
    const int distance) {
  if (rows < 0 || columns < 0 || distance < std::max(1, rows)) { return false; }
  if (rows && columns) {
    CheckDeviceRange("cuBLAS, a matrix", data,
        sizeof(Dtype) * (size_t(distance) * (columns - 1) + rows));
  }
  return true;
}

template <typename Dtype>
bool Vector(const Dtype* data, const int count, const int distance) {
  if (count > 0) {
    CheckDeviceRange("cuBLAS, a vector", data,
        sizeof(Dtype) * (size_t(abs(distance)) * (count - 1) + 1));
  }
  return distance != 0;
}

}  // namespace

#define CUDA_EMULATION_BLAS(S, s, Dtype) \
  cublasStatus_t cublas##S##gemm(cublasHandle_t, cublasOperation_t trans_a, \
      cublasOperation_t trans_b, int m, int n, int k, const Dtype* alpha, \
      const Dtype* a, int lda, const Dtype* b, int ldb, const Dtype* beta, \
      Dtype* c, int ldc) { \
    const bool plain_a = trans_a == CUBLAS_OP_N; \
    const bool plain_b = trans_b == CUBLAS_OP_N; \
    if (!Matrix(a, plain_a ? m : k, plain_a ? k : m, lda) || \
        !Matrix(b, plain_b ? k : n, plain_b ? n : k, ldb) || \
        !Matrix(c, m, n, ldc)) { \
      return CUBLAS_STATUS_INVALID_VALUE; \
    } \
    Enqueue([=, scale = *alpha, keep = *beta] { \
      cblas_##s##gemm(CblasColMajor, Of(trans_a), Of(trans_b), m, n, k, scale, \
          a, lda, b, ldb, keep, c, ldc); \
    }); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##S##gemv(cublasHandle_t, cublasOperation_t trans, \
      int m, int n, const Dtype* alpha, const Dtype* a, int lda, \
      const Dtype* x, int incx, const Dtype* beta, Dtype* y, int incy) { \
    const bool plain = trans == CUBLAS_OP_N; \
    if (!Matrix(a, m, n, lda) || !Vector(x, plain ? n : m, incx) || \
        !Vector(y, plain ? m : n, incy)) { \
      return CUBLAS_STATUS_INVALID_VALUE; \
    } \
    Enqueue([=, scale = *alpha, keep = *beta] { \
      cblas_##s##gemv(CblasColMajor, Of(trans), m, n, scale, a, lda, x, incx, \
          keep, y, incy); \
    }); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##S##axpy(cublasHandle_t, int n, const Dtype* alpha, \
      const Dtype* x, int incx, Dtype* y, int incy) { \
    if (!Vector(x, n, incx) || !Vector(y, n, incy)) { \
      return CUBLAS_STATUS_INVALID_VALUE; \
    } \
    Enqueue( \
        [=, scale = *alpha] { cblas_##s##axpy(n, scale, x, incx, y, incy); }); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##S##scal(cublasHandle_t, int n, const Dtype* alpha, \
      Dtype* x, int incx) { \
    if (!Vector(x, n, incx)) { return CUBLAS_STATUS_INVALID_VALUE; } \
    Enqueue([=, scale = *alpha] { cblas_##s##scal(n, scale, x, incx); }); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##S##copy(cublasHandle_t, int n, const Dtype* x, \
      int incx, Dtype* y, int incy) { \
    if (!Vector(x, n, incx) || !Vector(y, n, incy)) { \
      return CUBLAS_STATUS_INVALID_VALUE; \
    } \
    Enqueue([=] { cblas_##s##copy(n, x, incx, y, incy); }); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##S##dot(cublasHandle_t, int n, const Dtype* x, \
      int incx, const Dtype* y, int incy, Dtype* result) { \
    if (!Vector(x, n, incx) || !Vector(y, n, incy)) { \
      return CUBLAS_STATUS_INVALID_VALUE; \
    } \
    Synchronize(); \
    const DeviceAccess access; \
    *result = cblas_##s##dot(n, x, incx, y, incy); \
    return CUBLAS_STATUS_SUCCESS; \
  } \
  cublasStatus_t cublas##S##asum(cublasHandle_t, int n, const Dtype* x, \
      int incx, Dtype* result) { \
    if (!Vector(x, n, incx)) { return CUBLAS_STATUS_INVALID_VALUE; } \
    Synchronize(); \
    const DeviceAccess access; \
    *result = cblas_##s##asum(n, x, incx); \
    return CUBLAS_STATUS_SUCCESS; \
  }
CUDA_EMULATION_BLAS(S, s, float)
CUDA_EMULATION_BLAS(D, d, double)

struct CudaEmulationGenerator { std::mt19937_64 engine; };

namespace {

template <typename T, typename Distribution>
curandStatus_t Fill(curandGenerator_t generator, T* to, const size_t count,
    Distribution distribution) {
  CheckDeviceRange("cuRAND", to, sizeof(T) * count);
  Synchronize();
  const DeviceAccess access;
  for (size_t i = 0; i < count; ++i) {
    to[i] = distribution(generator->engine);
  }
  return CURAND_STATUS_SUCCESS;
}

// cuRAND's interval is (0, 1].
template <typename T> struct Uniform {
  T operator()(std::mt19937_64& engine) {
    return 1 - std::uniform_real_distribution<T>(0, 1)(engine);
  }
};

// cuRAND makes normal numbers in pairs.
template <typename T>
curandStatus_t FillNormal(curandGenerator_t generator, T* to,
    const size_t count, const T mean, const T deviation) {
  if (count % 2) { return CURAND_STATUS_LENGTH_NOT_MULTIPLE; }
  return Fill(generator, to, count,
      std::normal_distribution<T>(mean, deviation));
}

}  // namespace

curandStatus_t curandCreateGenerator(curandGenerator_t* generator,
    curandRngType_t) {
  *generator = new CudaEmulationGenerator;
  return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandDestroyGenerator(curandGenerator_t generator) {
  delete generator;
  return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t generator,
    const unsigned long long seed) {
  generator->engine.seed(seed);
  return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandSetGeneratorOffset(curandGenerator_t,
    const unsigned long long offset) {
  return offset == 0 ? CURAND_STATUS_SUCCESS : CURAND_STATUS_OUT_OF_RANGE;
}

curandStatus_t curandGenerate(curandGenerator_t generator, unsigned int* to,
    const size_t count) {
  return Fill(generator, to, count,
      std::uniform_int_distribution<unsigned int>());
}

curandStatus_t curandGenerateUniform(curandGenerator_t generator, float* to,
    const size_t count) {
  return Fill(generator, to, count, Uniform<float>());
}

curandStatus_t curandGenerateUniformDouble(curandGenerator_t generator,
    double* to, const size_t count) {
  return Fill(generator, to, count, Uniform<double>());
}

curandStatus_t curandGenerateNormal(curandGenerator_t generator, float* to,
    const size_t count, const float mean, const float deviation) {
  return FillNormal(generator, to, count, mean, deviation);
}

curandStatus_t curandGenerateNormalDouble(curandGenerator_t generator,
    double* to, const size_t count, const double mean, const double deviation) {
  return FillNormal(generator, to, count, mean, deviation);
}
