// Kernels, some of them with a fault, by which tests/python/test_cuda_emulation
// sees what the emulation shows. Usage: kernels CASE; prints what it finds.
#include <cuda_runtime.h>
#include <stdio.h>

#include <functional>
#include <map>
#include <string>

const int kThreads = 64;

// --- Kernels -------------------------------------------------------------

// The sum over a block in the plainest way; `barrier` is one that it needs.
template <typename T, bool barrier>
__global__ void Sum(const T* from, T* to) {
  __shared__ T partial[kThreads];
  partial[threadIdx.x] = from[blockIdx.x * kThreads + threadIdx.x];
  for (int lanes = kThreads / 2; lanes > 0; lanes /= 2) {
    if (barrier) { __syncthreads(); }
    if (threadIdx.x < lanes) {
      partial[threadIdx.x] += partial[threadIdx.x + lanes];
    }
  }
  if (threadIdx.x == 0) { to[blockIdx.x] = partial[0]; }
}

__global__ void SumInAskedMemory(const float* from, float* to) {
  extern __shared__ __align__(16) float asked[];
  asked[threadIdx.x] = from[threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) {
    float sum = 0;
    for (int i = 0; i < blockDim.x; ++i) { sum += asked[i]; }
    *to = sum;
  }
}

// One thread of each warp writes what its warp found.
__global__ void Warps(int* to) {
  const int lane = threadIdx.x % 32;
  int down = lane, xored = lane;
  for (int by = 16; by > 0; by /= 2) {
    down += __shfl_down_sync(~0u, down, by);
    xored += __shfl_xor_sync(~0u, xored, by);
  }
  const int quarter = __shfl_sync(~0u, lane, 1, 8);
  const int before = __shfl_up_sync(~0u, lane, 1);
  const unsigned int odd = __ballot_sync(~0u, lane % 2);
  const int any = __any_sync(~0u, lane == 5), all = __all_sync(~0u, lane < 5);
  const int largest = __reduce_max_sync(~0u, lane * 3);
  // Half a warp by itself, while the other half has left.
  int half = 0;
  if (lane < 16) { half = __reduce_add_sync(0xffffu, lane); }
  if (threadIdx.x == 32 + 15) {
    to[0] = quarter;
    to[1] = before;
    to[2] = odd == 0xaaaaaaaa;
    to[3] = any;
    to[4] = all;
    to[5] = largest;
    to[6] = half;
    to[7] = xored;
  }
  if (threadIdx.x == 0) { to[8] = down; }
}

__global__ void Votes(int* to) {
  const int any = __syncthreads_or(threadIdx.x == 40);
  const int none = __syncthreads_or(threadIdx.x == 400);
  const int all = __syncthreads_and(threadIdx.x < 40);
  const int count = __syncthreads_count(threadIdx.x < 40);
  if (threadIdx.x == 3) {
    to[0] = any;
    to[1] = none;
    to[2] = all;
    to[3] = count;
  }
}

__global__ void ReturnEarly() {
  if (threadIdx.x < 10) { return; }
  __syncthreads();
}

__global__ void TwoBarriers() {
  if (threadIdx.x < 10) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void LaneThatStaysAway() {
  if (threadIdx.x == 7) { __syncthreads(); }
  __syncwarp();
  __syncthreads();
}

__global__ void Copy(const int count, const float* from, float* to) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) { to[i] = from[i]; }
}

// What an earlier block left in shared memory must not be of use.
__global__ void ReadUnwritten(float* to) {
  __shared__ float once;
  to[blockIdx.x] = once;
  __syncthreads();
  once = 1;
}

__global__ void LastWins(int* to) {
  *to = blockIdx.x * blockDim.x + threadIdx.x;
}

__global__ void Increment(int* to) { atomicAdd(to, 1); }

// --- Cases ---------------------------------------------------------------

template <typename T> T* OnDevice(const int count) {
  T* data;
  cudaMalloc(&data, count * sizeof(T));
  return data;
}

template <typename T> void Print(const T* data, const int count) {
  T host[16];
  cudaMemcpy(host, data, count * sizeof(T), cudaMemcpyDeviceToHost);
  for (int i = 0; i < count; ++i) { printf("%g ", double(host[i])); }
}

template <typename T> T* Numbers(const int count) {
  T* const data = OnDevice<T>(count);
  for (int i = 0; i < count; ++i) {
    const T value = i + 1;
    cudaMemcpy(data + i, &value, sizeof(T), cudaMemcpyHostToDevice);
  }
  return data;
}

template <bool barrier> void Sums() {
  const double* const from = Numbers<double>(2 * kThreads);
  double* const to = OnDevice<double>(2);
  Sum<double, barrier><<<2, kThreads>>>(from, to);
  Print(to, 2);
}

const std::map<std::string, std::function<void()>> cases = {
    {"sum", Sums<true>},
    {"sum without a barrier", Sums<false>},
    {"asked memory",
        [] {
          const float* const from = Numbers<float>(48);
          float* const to = OnDevice<float>(1);
          SumInAskedMemory<<<dim3(1, 1), 48, 48 * sizeof(float),
              cudaStream_t(NULL)>>>(from, to);
          Print(to, 1);
        }},
    {"too little asked memory",
        [] {
          SumInAskedMemory<<<1, 48, 47 * sizeof(float)>>>(Numbers<float>(48),
              OnDevice<float>(1));
        }},
    {"warps",
        [] {
          int* const to = OnDevice<int>(9);
          Warps<<<1, 64>>>(to);
          Print(to, 9);
        }},
    {"votes",
        [] {
          int* const to = OnDevice<int>(4);
          Votes<<<1, 64>>>(to);
          Print(to, 4);
        }},
    {"early return", [] { ReturnEarly<<<3, 64>>>(); }},
    {"two barriers", [] { TwoBarriers<<<1, 64>>>(); }},
    {"lane that stays away", [] { LaneThatStaysAway<<<1, 32>>>(); }},
    {"read past the end",
        [] { Copy<<<1, 64>>>(64, Numbers<float>(63), OnDevice<float>(64)); }},
    {"write past the end",
        [] { Copy<<<1, 64>>>(64, Numbers<float>(64), OnDevice<float>(63)); }},
    {"freed memory",
        [] {
          float* const from = Numbers<float>(64);
          cudaFree(from);
          Copy<<<1, 64>>>(64, from, OnDevice<float>(64));
        }},
    {"host memory",
        [] {
          const float host[64] = {};
          Copy<<<1, 64>>>(64, host, OnDevice<float>(64));
        }},
    {"host reads the device", [] { printf("%g", *Numbers<float>(1)); }},
    {"copied too much",
        [] {
          Copy<<<1, 1>>>(0, NULL, NULL);
          cudaMemset(OnDevice<float>(3), 0, 16);
        }},
    {"unwritten",
        [] {
          Print(OnDevice<float>(1), 1);
          float* const to = OnDevice<float>(2);
          ReadUnwritten<<<2, 32>>>(to);
          Print(to, 2);
        }},
    {"order",
        [] {
          int* const to = OnDevice<int>(1);
          LastWins<<<4, 8>>>(to);
          Print(to, 1);
        }},
    {"threads",
        [] {
          LastWins<<<1, 1025>>>(NULL);
          printf("%d ", cudaPeekAtLastError() == cudaErrorInvalidConfiguration);
          LastWins<<<0, 32>>>(NULL);
          printf("%d ", cudaGetLastError() == cudaErrorInvalidConfiguration);
          printf("%d ", cudaGetLastError() == cudaSuccess);
        }},
    {"pinned",
        [] {
          int* pinned;
          cudaMallocHost(&pinned, sizeof(int));
          *pinned = 0;
          Increment<<<2, 32>>>(pinned);
          printf("%d ", *pinned);
          cudaDeviceSynchronize();
          printf("%d ", *pinned);
        }},
};

int main(int, char** arguments) {
  cases.at(arguments[1])();
  cudaDeviceSynchronize();
}
