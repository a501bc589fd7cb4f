// What the emulation's sources share: the device's memory and its queue of
// work. The header for what is emulated is include/cuda_runtime.h.
#ifndef CUDA_EMULATION_DEVICE_HPP_
#define CUDA_EMULATION_DEVICE_HPP_

#include <cuda_runtime.h>

#include <functional>
#include <mutex>
#include <string>

namespace cuda_emulation {

/// $CUDA_EMULATION: "ORDER[:SEED] [deferred]", as in "shuffled:7 deferred".
struct Settings {
  enum Order { FORWARD, REVERSE, SHUFFLED } order;
  unsigned int seed;
  /// Work waits until the host waits for it, instead of being done at once. A
  /// GPU does it at some time between the two.
  bool deferred;
};
const Settings& settings();

/// Says what is wrong and ends the process.
[[noreturn]] void Stop(const std::string& message);

/// Device memory is open to who holds one of these.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();

 private:
  std::lock_guard<std::recursive_mutex> lock_;
};

/// Stops unless all of these bytes are in one piece of device memory or of
/// pinned host memory.
void CheckDeviceRange(const std::string& who, const void* pointer,
    size_t bytes);

/// Work for the device, in the order of these calls.
void Enqueue(const std::function<void()>& work);
/// Waits until the device has nothing left to do.
void Synchronize();

void SetLastError(cudaError_t error);

}  // namespace cuda_emulation

#endif  // CUDA_EMULATION_DEVICE_HPP_
