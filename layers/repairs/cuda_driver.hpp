// installed by amcaffe
#ifndef CAFFE_UTIL_CUDA_DRIVER_HPP_
#define CAFFE_UTIL_CUDA_DRIVER_HPP_

#ifndef CPU_ONLY

#include <cuda_runtime.h>

namespace caffe {

inline bool AskForGpu() {
  int count = 0;
  const bool found = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
  cudaGetLastError();  // or the next kernel's check would report it
  return found;
}

/// Whether there is a driver with a GPU for this process; without one, a Caffe
/// that was built for GPUs still runs on the CPU.
inline bool GpuPresent() {
  static const bool present = AskForGpu();
  return present;
}

/// What to do about an error whose own words do not tell; "" for any other.
inline const char* ErrorHint(const cudaError_t error) {
  switch (error) {
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
      return ". A GPU was asked for, but there is no NVIDIA driver with a GPU "
             "here that is recent enough: see nvidia-smi, or run on the CPU.";
    case cudaErrorNoKernelImageForDevice:
      return ". This Caffe was compiled for other GPUs: build it with this one's "
             "architecture in CMAKE_CUDA_ARCHITECTURES.";
    default:
      return "";
  }
}

}  // namespace caffe

#endif  // CPU_ONLY

#endif  // CAFFE_UTIL_CUDA_DRIVER_HPP_
