// How a kernel runs here: one block after the other, a block's threads as
// coroutines of which one runs at a time, until it has to wait for others.
//
// What this shows: wrong values and wrong indices (with AddressSanitizer to the
// byte), reads of memory that nothing wrote (NaN), a thread that does not come
// to a barrier or comes to another one, shared memory read before its writer
// came to a barrier, and results that depend on the order of threads or blocks:
// run forward, in reverse and shuffled, an order hides what another shows.
// What it cannot show: anything that needs two threads at the very same time
// (memory ordering, torn or cached values, fences, atomics that are missing
// between two barriers in the one order that happens to be right), the device's
// own rounding, how long anything takes.
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <sstream>
#include <vector>

#include "device.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace cuda_emulation {

namespace {

const size_t kStack = 256 << 10;
const size_t kStaticShared = 48 << 10;  // bytes, more has to be asked for

const size_t kLargestValue = 16;  // bytes that a lane gives to others

// A stack on which threads run: one after the other while none has to wait.
struct Coroutine {
  ucontext_t context;  // at its start
  jmp_buf at;  // where it has stopped
  bool started;
  void* stack;
  size_t bytes;
  unsigned int thread;
  uint3 index;  // the thread's
  Place place;  // at which it waits
  Votes votes;  // what it gets when it goes on
};

// The lanes of one mask that wait for each other.
struct Meeting {
  unsigned int arrived;
  int round;
  char values[2][32 * kLargestValue];
  std::vector<Coroutine*> waiting;
};

struct Block {
  const std::function<void()>* body;
  unsigned int threads;
  std::vector<unsigned int> unstarted;  // the next one last
  std::vector<Coroutine*> runnable;  // the next one last
  std::vector<Coroutine*> waiting;  // at a barrier of the block
  Votes votes;
  std::vector<std::map<unsigned int, Meeting> > warps;
  std::vector<unsigned int> alive;  // lanes of each warp
  std::map<const void*, std::unique_ptr<char[]> > shared;
  std::unique_ptr<char[]> dynamic;
  size_t shared_bytes;
};

Coroutine main_context = {{}, {}, true, NULL, 0, 0, {}, {}, {}};
Coroutine* current = &main_context;
const Launched* launched = NULL;
Block* block = NULL;
std::vector<Coroutine*> idle;
std::mt19937 shuffler;
std::map<const void*, size_t> allowed_shared;

void SetThread(const unsigned int thread) {
  current->thread = thread;
  threadIdx.x = thread % blockDim.x;
  threadIdx.y = thread / blockDim.x % blockDim.y;
  threadIdx.z = thread / blockDim.x / blockDim.y;
  current->index = threadIdx;
}

bool Same(const char* a, const char* b) { return a == b || !strcmp(a, b); }

// Goes on with another coroutine, until something comes back to this one.
void SwitchTo(Coroutine* const next) {
  Coroutine* const self = current;
  current = next;
#ifdef __SANITIZE_ADDRESS__
  void* fake_stack;
  __sanitizer_start_switch_fiber(&fake_stack, next->stack, next->bytes);
#endif
  // swapcontext does all of this, with two system calls each time.
  if (!_setjmp(self->at)) {
    if (next->started) { _longjmp(next->at, 1); }
    next->started = true;
    setcontext(&next->context);
  }
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#endif
  if (self != &main_context) { threadIdx = self->index; }
}

// Puts the first of this order at the end, where the next one is taken from.
template <typename T, typename Less> void Arrange(std::vector<T>* all,
    Less less) {
  std::sort(all->begin(), all->end(), less);
  if (settings().order == Settings::SHUFFLED) {
    std::shuffle(all->begin(), all->end(), shuffler);
  } else if (settings().order == Settings::FORWARD) {
    std::reverse(all->begin(), all->end());
  }
}

void Release(std::vector<Coroutine*>* waiting) {
  block->runnable.insert(block->runnable.end(), waiting->begin(),
      waiting->end());
  waiting->clear();
  Arrange(&block->runnable, [](const Coroutine* a, const Coroutine* b) {
    return a->thread < b->thread;
  });
}

void Report(const Coroutine* const waiting, std::map<std::string, int>* where) {
  std::ostringstream text;
  text << waiting->place.what << " at " << waiting->place.file << ":"
       << waiting->place.line;
  ++(*where)[text.str()];
}

[[noreturn]] void StopHere(const std::string& message) {
  std::ostringstream text;
  text << launched->Text() << ", block (" << blockIdx.x << ", " << blockIdx.y
       << ", " << blockIdx.z << "): " << message;
  Stop(text.str());
}

[[noreturn]] void StopAtDeadlock() {
  std::map<std::string, int> where;
  int waiting = 0;
  for (const Coroutine* one : block->waiting) {
    Report(one, &where);
    ++waiting;
  }
  for (const auto& warp : block->warps) {
    for (const auto& meeting : warp) {
      for (const Coroutine* one : meeting.second.waiting) {
        Report(one, &where);
        ++waiting;
      }
    }
  }
  std::ostringstream text;
  text << "of " << block->threads << " threads " << block->threads - waiting
       << " have returned";
  for (const auto& one : where) {
    text << ", " << one.second << " wait in " << one.first;
  }
  StopHere(text.str());
}

// A mask's lanes go on when all of them that still run have come.
void ReleaseIfComplete(const unsigned int warp, const unsigned int mask,
    Meeting* const meeting) {
  if (meeting->arrived == 0 ||
      (meeting->arrived & mask) != (block->alive[warp] & mask)) {
    return;
  }
  for (Coroutine* one : meeting->waiting) {
    one->votes.count = meeting->arrived;
  }
  meeting->arrived = 0;
  meeting->round ^= 1;
  Release(&meeting->waiting);
}

void RunThreads();

Coroutine* MakeCoroutine() {
  Coroutine* const one = new Coroutine();
  // Below the stack a page that no one may touch.
  char* const memory =
      static_cast<char*>(mmap(NULL, kStack + 4096, PROT_READ | PROT_WRITE,
          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (memory == MAP_FAILED) { Stop("no memory for the stack of a thread"); }
  mprotect(memory, 4096, PROT_NONE);
  one->stack = memory + 4096;
  one->bytes = kStack;
  getcontext(&one->context);
  one->context.uc_stack.ss_sp = one->stack;
  one->context.uc_stack.ss_size = one->bytes;
  one->context.uc_link = NULL;
  makecontext(&one->context, RunThreads, 0);
  return one;
}

// One that will begin with a thread that has not.
Coroutine* NewCoroutine() {
  if (idle.empty()) { return MakeCoroutine(); }
  Coroutine* const one = idle.back();
  idle.pop_back();
  return one;
}

// The next coroutine to run; the program's own where no thread can go on.
Coroutine* Next() {
  const bool start = !block->unstarted.empty() &&
      (block->runnable.empty() ||
          (settings().order == Settings::SHUFFLED && shuffler() % 2));
  if (start) { return NewCoroutine(); }
  if (block->runnable.empty()) { return &main_context; }
  Coroutine* const next = block->runnable.back();
  block->runnable.pop_back();
  return next;
}

// A coroutine's work, for ever: threads that have not begun, then it is idle.
void RunThreads() {
#ifdef __SANITIZE_ADDRESS__
  const void* stack;
  size_t bytes;
  __sanitizer_finish_switch_fiber(NULL, &stack, &bytes);
  if (!main_context.stack) {
    main_context.stack = const_cast<void*>(stack);
    main_context.bytes = bytes;
  }
#endif
  while (true) {
    while (!block->unstarted.empty()) {
      SetThread(block->unstarted.back());
      block->unstarted.pop_back();
      (*block->body)();
      const unsigned int warp = current->thread / 32;
      block->alive[warp] &= ~(1u << Lane());
      for (auto& meeting : block->warps[warp]) {
        ReleaseIfComplete(warp, meeting.first, &meeting.second);
      }
    }
    idle.push_back(current);
    Coroutine* const next = Next();
    if (next != current) { SwitchTo(next); }
  }
}

void RunBlock(const std::function<void()>& body) {
  Block here;
  here.body = &body;
  here.threads = blockDim.x * blockDim.y * blockDim.z;
  here.unstarted.resize(here.threads);
  std::iota(here.unstarted.begin(), here.unstarted.end(), 0);
  Arrange(&here.unstarted, std::less<unsigned int>());
  here.votes = {0, 1, 0};
  here.warps.resize((here.threads + 31) / 32);
  here.alive.assign(here.warps.size(), ~0u);
  if (here.threads % 32) { here.alive.back() = (1u << here.threads % 32) - 1; }
  here.shared_bytes = launched->shared;
  here.dynamic.reset(new char[launched->shared]);
  memset(here.dynamic.get(), 0xff, launched->shared);
  block = &here;
  SwitchTo(NewCoroutine());
  if (!here.waiting.empty() ||
      std::any_of(here.alive.begin(), here.alive.end(),
          [](const unsigned int lanes) { return lanes; })) {
    StopAtDeadlock();
  }
  block = NULL;
}

void RunGrid(const Launched& now, const std::function<void()>& body) {
  const uint64_t blocks = uint64_t(now.grid.x) * now.grid.y * now.grid.z;
  std::vector<unsigned int> order(blocks);
  std::iota(order.begin(), order.end(), 0);
  Arrange(&order, std::less<unsigned int>());
  launched = &now;
  gridDim = now.grid;
  blockDim = now.block;
  for (; !order.empty(); order.pop_back()) {
    blockIdx.x = order.back() % gridDim.x;
    blockIdx.y = order.back() / gridDim.x % gridDim.y;
    blockIdx.z = order.back() / gridDim.x / gridDim.y;
    RunBlock(body);
  }
}

std::string TextOf(const Place& place) {
  return std::string(place.what) + " at " + place.file + ":" +
      std::to_string(place.line);
}

}  // namespace

std::string Launched::Text() const {
  return std::string(name) + " launched at " + file + ":" +
      std::to_string(line);
}

unsigned int Lane() { return current->thread % 32; }

Votes WaitForBlock(const Place& place, const bool vote) {
  if (!block->waiting.empty() &&
      (block->waiting[0]->place.line != place.line ||
          !Same(block->waiting[0]->place.file, place.file))) {
    StopHere("threads wait at different barriers: one comes to " +
        TextOf(place) + " while others wait in " +
        TextOf(block->waiting[0]->place));
  }
  current->place = place;
  block->waiting.push_back(current);
  block->votes.count += vote;
  block->votes.all &= vote;
  block->votes.any |= vote;
  if (block->waiting.size() == block->threads) {
    for (Coroutine* one : block->waiting) { one->votes = block->votes; }
    block->votes = {0, 1, 0};
    Release(&block->waiting);
  }
  Coroutine* const next = Next();
  if (next != current) { SwitchTo(next); }
  return current->votes;
}

unsigned int WaitForWarp(const Place& place, const unsigned int mask,
    const void* value, const size_t bytes, void* values) {
  if (!(mask >> Lane() & 1)) {
    StopHere("lane " + std::to_string(Lane()) + " is not in the mask of " +
        TextOf(place));
  }
  const unsigned int warp = current->thread / 32;
  Meeting& meeting = block->warps[warp][mask];
  if (bytes > kLargestValue) {
    StopHere("a lane's value of more than 16 bytes in " + TextOf(place));
  }
  if (meeting.arrived == 0) {
    memset(meeting.values[meeting.round], 0xff, 32 * bytes);
  }
  if (!meeting.waiting.empty() &&
      (meeting.waiting[0]->place.line != place.line ||
          !Same(meeting.waiting[0]->place.what, place.what))) {
    StopHere("lanes of a warp meet in different places: " + TextOf(place) +
        " and " + TextOf(meeting.waiting[0]->place));
  }
  const int round = meeting.round;
  memcpy(meeting.values[round] + Lane() * bytes, value, bytes);
  meeting.arrived |= 1u << Lane();
  current->place = place;
  meeting.waiting.push_back(current);
  ReleaseIfComplete(warp, mask, &meeting);
  Coroutine* const next = Next();
  if (next != current) { SwitchTo(next); }
  memcpy(values, meeting.values[round], 32 * bytes);
  return current->votes.count;
}

void* SharedVariable(const void* key, const size_t bytes) {
  std::unique_ptr<char[]>& memory = block->shared[key];
  if (!memory) {
    block->shared_bytes += bytes;
    if (block->shared_bytes > kStaticShared &&
        block->shared_bytes > allowed_shared[launched->kernel]) {
      StopHere(std::to_string(block->shared_bytes) + " bytes of shared memory");
    }
    memory.reset(new char[bytes]);
    memset(memory.get(), 0xff, bytes);
  }
  return memory.get();
}

void* DynamicShared() { return block->dynamic.get(); }

cudaError_t AllowDynamicShared(const void* kernel, const int bytes) {
  if (bytes < 0 || bytes > 227 << 10) { return cudaErrorInvalidValue; }
  allowed_shared[kernel] = bytes;
  return cudaSuccess;
}

void Start(const Launched& now, const std::function<void()>& body) {
  const uint64_t threads = uint64_t(now.block.x) * now.block.y * now.block.z;
  const uint64_t blocks = uint64_t(now.grid.x) * now.grid.y * now.grid.z;
  if (threads == 0 || threads > 1024 || now.block.z > 64 || blocks == 0 ||
      now.grid.x > 0x7fffffff || now.grid.y > 65535 || now.grid.z > 65535 ||
      (now.shared > kStaticShared && now.shared > allowed_shared[now.kernel])) {
    SetLastError(cudaErrorInvalidConfiguration);
    return;
  }
  Enqueue([=] {
    shuffler.seed(settings().seed);
    RunGrid(now, body);
  });
}

}  // namespace cuda_emulation
