// The emulated device: its memory, its queue of work, and the functions of
// CUDA's runtime.
//
// Device memory is taken from one range of addresses that is closed to the
// host, begins at multiples of 256 bytes as cudaMalloc's does, and holds NaN
// (bytes 0xff) until something is written; under AddressSanitizer it is guarded
// to the byte. Streams are not: all work is one queue, as if every stream were
// the default one, so that a missing wait between streams does not show.
#include "device.hpp"

#include <stdio.h>
#include <sys/mman.h>

#include <deque>
#include <iterator>
#include <map>
#include <sstream>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(pointer, bytes)
#define ASAN_UNPOISON_MEMORY_REGION(pointer, bytes)
#endif

namespace cuda_emulation {

namespace {

const size_t kArena = size_t(8) << 30;  // of addresses; pages come with use
const size_t kAlignment = 256;
// Bytes that are taken before any a second time.
const size_t kUnused = 32 << 20;

struct Device {
  Device() : arena(static_cast<char*>(mmap(NULL, kArena, PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))), used(0),
        users(0), lost(false), last_error(cudaSuccess) {
    if (arena == MAP_FAILED) { Stop("no 8 GiB of addresses for the device"); }
  }

  bool Holds(const void* pointer) const {
    return pointer >= arena && pointer < arena + kArena;
  }

  std::recursive_mutex mutex;
  char* const arena;
  size_t used;
  int users;
  bool lost;
  cudaError_t last_error;
  // Address to size: of device memory, and of pinned host memory.
  std::map<const char*, size_t> pieces, pinned;
  // Size with its gap to address, of what was freed.
  std::multimap<size_t, char*> free;
  std::deque<std::function<void()> > queue;
};

// Never destroyed: static objects of the program free memory at its end.
Device& device() {
  static Device* const device = new Device;
  return *device;
}

bool InOne(const std::map<const char*, size_t>& pieces, const void* pointer,
    const size_t bytes) {
  const char* const begin = static_cast<const char*>(pointer);
  std::map<const char*, size_t>::const_iterator piece =
      pieces.upper_bound(begin);
  if (piece == pieces.begin()) { return false; }
  --piece;
  return begin + bytes <= piece->first + piece->second &&
      (begin < piece->first + piece->second || bytes == 0);
}

// The bytes that a piece takes with a gap after it.
size_t Room(const size_t bytes) {
  return (bytes / kAlignment + 2) * kAlignment;
}

Settings ReadSettings() {
  const char* const text = getenv("CUDA_EMULATION");
  Settings settings = {Settings::FORWARD, 0, false};
  std::istringstream words(text ? text : "");
  for (std::string word; words >> word;) {
    if (word == "forward") {
      settings.order = Settings::FORWARD;
    } else if (word == "reverse") {
      settings.order = Settings::REVERSE;
    } else if (word.compare(0, 9, "shuffled:") == 0) {
      settings.order = Settings::SHUFFLED;
      settings.seed = atoi(word.c_str() + 9);
    } else if (word == "deferred") {
      settings.deferred = true;
    } else {
      Stop("$CUDA_EMULATION is '" + std::string(text) + "', but its words are "
          "forward, reverse, shuffled:SEED and deferred");
    }
  }
  return settings;
}

void CheckCopy(const char* who, const void* pointer, const size_t bytes,
    const bool must_be_device, const bool must_be_host) {
  const bool on_device = device().Holds(pointer);
  if (on_device) { CheckDeviceRange(who, pointer, bytes); }
  if ((must_be_device && !on_device) || (must_be_host && on_device)) {
    Stop(std::string(who) + ": the kind of the copy does not fit its pointers");
  }
}

}  // namespace

const Settings& settings() {
  static const Settings settings = ReadSettings();
  return settings;
}

void Stop(const std::string& message) {
  fprintf(stderr, "CUDA emulation: %s\n", message.c_str());
  abort();
}

DeviceAccess::DeviceAccess() : lock_(device().mutex) {
  if (device().users++ == 0) {
    mprotect(device().arena, device().used, PROT_READ | PROT_WRITE);
  }
}

DeviceAccess::~DeviceAccess() {
  if (--device().users == 0) {
    mprotect(device().arena, device().used, PROT_NONE);
  }
}

void CheckDeviceRange(const std::string& who, const void* pointer,
    const size_t bytes) {
  if (InOne(device().pieces, pointer, bytes) ||
      InOne(device().pinned, pointer, bytes)) {
    return;
  }
  std::ostringstream message;
  message << who << ": " << bytes << " bytes from " << pointer << " are "
          << (device().Holds(pointer) ?
              "not within one allocation of device memory" :
              "neither in device memory nor in pinned host memory");
  Stop(message.str());
}

void Enqueue(const std::function<void()>& work) {
  device().queue.push_back(work);
  if (!settings().deferred) { Synchronize(); }
}

void Synchronize() {
  while (!device().queue.empty()) {
    const std::function<void()> work = device().queue.front();
    device().queue.pop_front();
    const DeviceAccess access;
    work();
  }
}

void SetLastError(const cudaError_t error) { device().last_error = error; }

void LoseDevice(const bool lost) {
  Synchronize();
  device().lost = lost;
  device().last_error = cudaSuccess;
  for (const auto& piece : device().pinned) {
    if (lost) {
      ASAN_POISON_MEMORY_REGION(piece.first, piece.second);
    } else {
      ASAN_UNPOISON_MEMORY_REGION(piece.first, piece.second);
    }
  }
}

void CheckPointer(const Launched& launched, const int argument,
    const void* pointer) {
  if (pointer) {
    CheckDeviceRange(launched.Text() + ": argument " + std::to_string(argument),
        pointer, 0);
  }
}

}  // namespace cuda_emulation

using namespace cuda_emulation;

cudaError_t cudaMalloc(void** pointer, const size_t bytes) {
  Device& on = device();
  const size_t room = Room(bytes);
  const std::multimap<size_t, char*>::iterator free = on.free.find(room);
  if (free != on.free.end() && on.used > kUnused) {
    *pointer = free->second;
    on.free.erase(free);
  } else if (room > kArena - on.used) {
    return on.last_error = cudaErrorMemoryAllocation;
  } else {
    *pointer = on.arena + on.used;
    on.used += room;
  }
  const DeviceAccess access;
  ASAN_UNPOISON_MEMORY_REGION(*pointer, room);
  memset(*pointer, 0xff, room);
  ASAN_POISON_MEMORY_REGION(*pointer, room);
  ASAN_UNPOISON_MEMORY_REGION(*pointer, bytes);
  on.pieces[static_cast<char*>(*pointer)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  Synchronize();
  if (!pointer) { return cudaSuccess; }
  Device& on = device();
  char* const address = static_cast<char*>(pointer);
  if (!on.pieces.count(address)) { Stop("cudaFree of what is not allocated"); }
  const size_t bytes = on.pieces[address];
  const DeviceAccess access;
  memset(pointer, 0xff, bytes);
  ASAN_POISON_MEMORY_REGION(pointer, Room(bytes));
  on.pieces.erase(address);
  on.free.insert(std::make_pair(Room(bytes), address));
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** pointer, const size_t bytes, unsigned int) {
  if (posix_memalign(pointer, kAlignment, bytes)) {
    return device().last_error = cudaErrorMemoryAllocation;
  }
  memset(*pointer, 0xff, bytes);
  device().pinned[static_cast<char*>(*pointer)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  if (device().lost) { return device().last_error = cudaErrorCudartUnloading; }
  Synchronize();
  if (pointer && !device().pinned.erase(static_cast<char*>(pointer))) {
    Stop("cudaFreeHost of what cudaHostAlloc did not give");
  }
  free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, const size_t bytes,
    const cudaMemcpyKind kind, cudaStream_t) {
  CheckCopy("cudaMemcpy to", to, bytes,
      kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice,
      kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyHostToHost);
  CheckCopy("cudaMemcpy from", from, bytes,
      kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice,
      kind == cudaMemcpyHostToDevice || kind == cudaMemcpyHostToHost);
  Enqueue([=] { memcpy(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, const size_t bytes,
    const cudaMemcpyKind kind) {
  cudaMemcpyAsync(to, from, bytes, kind);
  // From device to device it does not wait for the copy.
  if (!device().Holds(to) || !device().Holds(from)) { Synchronize(); }
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* pointer, const int byte, const size_t bytes,
    cudaStream_t) {
  CheckDeviceRange("cudaMemset", pointer, bytes);
  Enqueue([=] { memset(pointer, byte, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemset(void* pointer, const int byte, const size_t bytes) {
  return cudaMemsetAsync(pointer, byte, bytes);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes,
    const void*) {
  attributes->device = 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(const int number) {
  return number == 0 ? cudaSuccess :
      device().last_error = cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  const cudaDeviceProp found = {"emulated on the CPU", kArena, 48 << 10,
      ~size_t(0), 64 << 10, 512, 65536, warpSize, 1024, 4, {1024, 1024, 64},
      {0x7fffffff, 65535, 65535}, 9, 0};
  *properties = found;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, const cudaDeviceAttr attribute,
    int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? 4 : 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  if (device().lost) { return device().last_error = cudaErrorCudartUnloading; }
  Synchronize();
  return cudaSuccess;
}

cudaError_t cudaPeekAtLastError() { return device().last_error; }

cudaError_t cudaGetLastError() {
  const cudaError_t error = device().last_error;
  device().last_error = cudaSuccess;
  return error;
}

const char* cudaGetErrorString(const cudaError_t error) {
  switch (error) {
  case cudaSuccess: return "no error";
  case cudaErrorInvalidValue: return "invalid argument";
  case cudaErrorMemoryAllocation: return "out of memory";
  case cudaErrorCudartUnloading: return "driver shutting down";
  case cudaErrorInvalidConfiguration: return "invalid configuration argument";
  case cudaErrorInvalidDevice: return "invalid device ordinal";
  default: return "an error that the emulation does not give";
  }
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int) {
  *stream = NULL;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }

cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return cudaDeviceSynchronize();
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = NULL;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }

cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }

cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return cudaDeviceSynchronize();
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t,
    cudaEvent_t) {
  *milliseconds = 0;
  return cudaSuccess;
}
