// CUDA's runtime and its device language, as far as Caffe and our kernels use
// them, for g++ and the CPU. A name that is missing here does not compile.
//
// The "device" is memory of this process to which the host has no access
// (a host that follows a device's pointer dies of SIGSEGV, as on a GPU), and a
// launch runs the threads of one block after the other, switching where CUDA
// makes threads wait. What that shows and what it cannot is in execution.cpp.
#ifndef CUDA_EMULATION_CUDA_RUNTIME_H_
#define CUDA_EMULATION_CUDA_RUNTIME_H_

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <functional>
#include <string>
#include <tuple>
#include <type_traits>

#define CUDA_VERSION 13000
#define CUDART_VERSION 13000

// --- The runtime ---------------------------------------------------------

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorCudartUnloading = 4,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209
};

enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};

enum cudaDeviceAttr {
  cudaDevAttrClockRate,
  cudaDevAttrGpuOverlap,
  cudaDevAttrKernelExecTimeout,
  cudaDevAttrMultiProcessorCount
};

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

const unsigned int cudaHostAllocDefault = 0;
const unsigned int cudaHostAllocPortable = 1;
const unsigned int cudaHostAllocMapped = 2;
const unsigned int cudaStreamDefault = 0;
const unsigned int cudaStreamNonBlocking = 1;
const unsigned int cudaEventDisableTiming = 2;

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem, sharedMemPerBlock, memPitch, totalConstMem;
  size_t textureAlignment;
  int regsPerBlock, warpSize, maxThreadsPerBlock, multiProcessorCount;
  int maxThreadsDim[3], maxGridSize[3], major, minor;
};

struct cudaPointerAttributes { int device; };

typedef struct CudaEmulationStream* cudaStream_t;
typedef struct CudaEmulationEvent* cudaEvent_t;

cudaError_t cudaMalloc(void** pointer, size_t bytes);
cudaError_t cudaFree(void* pointer);
cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned int flags);
cudaError_t cudaFreeHost(void* pointer);
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes,
    cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes,
    cudaMemcpyKind kind, cudaStream_t stream = NULL);
cudaError_t cudaMemset(void* pointer, int byte, size_t bytes);
cudaError_t cudaMemsetAsync(void* pointer, int byte, size_t bytes,
    cudaStream_t stream = NULL);
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes,
    const void* pointer);

template <typename T> cudaError_t cudaMalloc(T** pointer, size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(pointer), bytes);
}
template <typename T> cudaError_t cudaHostAlloc(T** pointer, size_t bytes,
    unsigned int flags) {
  return cudaHostAlloc(reinterpret_cast<void**>(pointer), bytes, flags);
}
template <typename T> cudaError_t cudaMallocHost(T** pointer, size_t bytes) {
  return cudaHostAlloc(pointer, bytes, cudaHostAllocDefault);
}

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute,
    int device);
cudaError_t cudaDeviceSynchronize();
namespace cuda_emulation {
/// While it is lost, as it is for what is destroyed after the driver, waiting
/// for the device fails, and pinned memory must not be touched.
void LoseDevice(bool lost);
}  // namespace cuda_emulation
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char* cudaGetErrorString(cudaError_t error);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = NULL);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start,
    cudaEvent_t end);

// --- The device language -------------------------------------------------

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct uint3 { unsigned int x, y, z; };

struct dim3 {
  unsigned int x, y, z;
  dim3(const unsigned int x = 1, const unsigned int y = 1,
      const unsigned int z = 1) : x(x), y(y), z(z) {}
};

const int warpSize = 32;
// Those of the thread that runs now.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

template <int kBytes, typename T> struct alignas(kBytes) CudaVector2 {
  T x, y;
};
template <int kBytes, typename T> struct alignas(kBytes) CudaVector4 {
  T x, y, z, w;
};
typedef CudaVector2<8, float> float2;
typedef CudaVector4<16, float> float4;
typedef CudaVector2<8, int> int2;
typedef CudaVector4<16, int> int4;
typedef CudaVector2<16, double> double2;
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}
inline double2 make_double2(double x, double y) { return {x, y}; }

// CUDA's overloads outside of any namespace: of a number and a NaN they give
// the number.
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a < b ? b : a; }
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
inline float rsqrt(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
template <typename T> T __ldg(const T* pointer) { return *pointer; }

// One thread runs at a time, and none is interrupted here.
template <typename T> T atomicAdd(T* at, const std::decay_t<T> value) {
  const T old = *at;
  *at = old + value;
  return old;
}
template <typename T> T atomicMax(T* at, const std::decay_t<T> value) {
  const T old = *at;
  *at = old < value ? value : old;
  return old;
}
template <typename T> T atomicMin(T* at, const std::decay_t<T> value) {
  const T old = *at;
  *at = value < old ? value : old;
  return old;
}
template <typename T> T atomicExch(T* at, const std::decay_t<T> value) {
  const T old = *at;
  *at = value;
  return old;
}
template <typename T> T atomicCAS(T* at, const std::decay_t<T> expected,
    const std::decay_t<T> value) {
  const T old = *at;
  if (old == expected) { *at = value; }
  return old;
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

namespace cuda_emulation {

/// A line of a kernel at which threads wait.
struct Place {
  const char* what;
  const char* file;
  int line;
};

struct Votes { int count, all, any; };

/// Waits for every thread of the block.
Votes WaitForBlock(const Place& place, bool vote);

/// Waits for the lanes of the mask. Afterwards `values` holds what each of the
/// 32 lanes brought, garbage for a lane that took no part.
/// Returns: the mask of those who took part.
unsigned int WaitForWarp(const Place& place, unsigned int mask,
    const void* value, size_t bytes, void* values);

unsigned int Lane();

/// A variable in the shared memory of the block that runs, full of NaN (or -1)
/// when the first thread comes to it. A key stands for the variable.
void* SharedVariable(const void* key, size_t bytes);
template <typename T> T& Shared(const void* key) {
  return *static_cast<T*>(SharedVariable(key, sizeof(T)));
}
/// The bytes that the launch asked for.
void* DynamicShared();

cudaError_t AllowDynamicShared(const void* kernel, int bytes);

/// What `name<<<grid, block, shared, stream>>>` says.
struct Launched {
  const char* name;
  const void* kernel;
  dim3 grid, block;
  size_t shared;
  const char* file;
  int line;

  std::string Text() const;
};

void CheckPointer(const Launched& launched, int argument, const void* pointer);
template <typename T> void CheckArgument(const Launched&, int, const T&) {}
template <typename T> void CheckArgument(const Launched& launched, int argument,
    T* const& pointer) {
  CheckPointer(launched, argument, pointer);
}

/// Lets a body be every thread of the grid, now or when the host waits for it.
void Start(const Launched& launched, const std::function<void()>& body);

template <typename... Parameters> class Launcher {
 public:
  Launcher(const Launched& launched, void (*kernel)(Parameters...))
      : launched_(launched), kernel_(kernel) {}

  // As in a call, the arguments become the parameters' types here, at once.
  void operator()(const Parameters... given) const {
    const std::tuple<Parameters...> arguments(given...);
    int number = 0;
    std::apply([&](const auto&... argument) {
      (CheckArgument(launched_, ++number, argument), ...);
    }, arguments);
    void (*kernel)(Parameters...) = kernel_;
    Start(launched_, [kernel, arguments] { std::apply(kernel, arguments); });
  }

 private:
  Launched launched_;
  void (*kernel_)(Parameters...);
};

template <typename... Parameters> Launcher<Parameters...> Launch(
    const char* name, void (*kernel)(Parameters...), const dim3 grid,
    const dim3 block, const size_t shared = 0, cudaStream_t = NULL,
    const char* file = __builtin_FILE(), const int line = __builtin_LINE()) {
  return {{name, reinterpret_cast<const void*>(kernel), grid, block, shared,
      file, line}, kernel};
}

template <typename T> struct Warp {
  T values[32];
  unsigned int mask;
};

template <typename T> Warp<T> Exchange(const Place& place,
    const unsigned int mask, const T& value) {
  Warp<T> warp;
  warp.mask = WaitForWarp(place, mask, &value, sizeof(T), warp.values);
  return warp;
}

template <typename T> T From(const Place& place, const unsigned int mask,
    const T& value, const int width, const int lane) {
  // Outside of its group of `width` lanes a lane gets its own value.
  const int group = Lane() / width * width;
  return Exchange(place, mask, value).values[
      lane < group || lane >= group + width ? Lane() : lane];
}

template <typename T, typename F> T Reduce(const Place& place,
    const unsigned int mask, const T& value, F function) {
  const Warp<T> warp = Exchange(place, mask, value);
  T result = value;
  for (unsigned int lane = 0; lane < 32; ++lane) {
    if (lane != Lane() && (warp.mask >> lane & 1)) {
      result = function(result, warp.values[lane]);
    }
  }
  return result;
}

}  // namespace cuda_emulation

template <typename T> cudaError_t cudaFuncSetAttribute(T* kernel,
    cudaFuncAttribute, const int bytes) {
  return cuda_emulation::AllowDynamicShared(
      reinterpret_cast<const void*>(kernel), bytes);
}

// Each of these knows the line that calls it, for the report of a deadlock.
#define CUDA_EMULATION_PLACE \
  const char* file = __builtin_FILE(), const int line = __builtin_LINE()
#define CUDA_EMULATION_HERE {__func__, file, line}

inline void __syncthreads(CUDA_EMULATION_PLACE) {
  cuda_emulation::WaitForBlock(CUDA_EMULATION_HERE, false);
}
inline int __syncthreads_or(const int vote, CUDA_EMULATION_PLACE) {
  return cuda_emulation::WaitForBlock(CUDA_EMULATION_HERE, vote).any;
}
inline int __syncthreads_and(const int vote, CUDA_EMULATION_PLACE) {
  return cuda_emulation::WaitForBlock(CUDA_EMULATION_HERE, vote).all;
}
inline int __syncthreads_count(const int vote, CUDA_EMULATION_PLACE) {
  return cuda_emulation::WaitForBlock(CUDA_EMULATION_HERE, vote).count;
}
inline void __syncwarp(const unsigned int mask = ~0u, CUDA_EMULATION_PLACE) {
  cuda_emulation::Exchange(CUDA_EMULATION_HERE, mask, 0);
}
inline unsigned int __ballot_sync(const unsigned int mask, const int vote,
    CUDA_EMULATION_PLACE) {
  return cuda_emulation::Reduce(CUDA_EMULATION_HERE, mask,
      vote ? 1u << cuda_emulation::Lane() : 0u, std::bit_or<unsigned int>());
}
inline int __any_sync(const unsigned int mask, const int vote,
    CUDA_EMULATION_PLACE) {
  return cuda_emulation::Reduce(CUDA_EMULATION_HERE, mask, int(vote != 0),
      std::bit_or<int>());
}
inline int __all_sync(const unsigned int mask, const int vote,
    CUDA_EMULATION_PLACE) {
  return cuda_emulation::Reduce(CUDA_EMULATION_HERE, mask, int(vote != 0),
      std::bit_and<int>());
}
template <typename T> T __reduce_add_sync(const unsigned int mask,
    const T value, CUDA_EMULATION_PLACE) {
  return cuda_emulation::Reduce(CUDA_EMULATION_HERE, mask, value,
      std::plus<T>());
}
template <typename T> T __reduce_max_sync(const unsigned int mask,
    const T value, CUDA_EMULATION_PLACE) {
  return cuda_emulation::Reduce(CUDA_EMULATION_HERE, mask, value,
      [](const T& a, const T& b) { return a < b ? b : a; });
}
template <typename T> T __reduce_min_sync(const unsigned int mask,
    const T value, CUDA_EMULATION_PLACE) {
  return cuda_emulation::Reduce(CUDA_EMULATION_HERE, mask, value,
      [](const T& a, const T& b) { return b < a ? b : a; });
}
template <typename T> T __shfl_sync(const unsigned int mask, const T value,
    const int lane, const int width = 32, CUDA_EMULATION_PLACE) {
  const int group = cuda_emulation::Lane() / width * width;
  return cuda_emulation::From(CUDA_EMULATION_HERE, mask, value, width,
      group + (lane & (width - 1)));
}
template <typename T> T __shfl_up_sync(const unsigned int mask, const T value,
    const unsigned int by, const int width = 32, CUDA_EMULATION_PLACE) {
  return cuda_emulation::From(CUDA_EMULATION_HERE, mask, value, width,
      int(cuda_emulation::Lane() - by));
}
template <typename T> T __shfl_down_sync(const unsigned int mask, const T value,
    const unsigned int by, const int width = 32, CUDA_EMULATION_PLACE) {
  return cuda_emulation::From(CUDA_EMULATION_HERE, mask, value, width,
      cuda_emulation::Lane() + by);
}
template <typename T> T __shfl_xor_sync(const unsigned int mask, const T value,
    const int by, const int width = 32, CUDA_EMULATION_PLACE) {
  return cuda_emulation::From(CUDA_EMULATION_HERE, mask, value, width,
      cuda_emulation::Lane() ^ by);
}

#endif  // CUDA_EMULATION_CUDA_RUNTIME_H_
