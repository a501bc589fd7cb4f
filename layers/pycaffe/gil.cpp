// installed by amcaffe
#include "gil.hpp"

#include <cxxabi.h>
#include <unistd.h>

namespace pycaffe {

static void StandStill() {
  for (;;) pause();
}

/// The thread that finalizes the interpreter holds the GIL; no other gets it.
static bool TooLate() { return !Py_IsInitialized() && !PyGILState_Check(); }

GilRelease::~GilRelease() {
  if (TooLate()) StandStill();
  try {
    PyEval_RestoreThread(state_);
  } catch (const abi::__forced_unwind&) {  // finalizing began meanwhile
    StandStill();
  }
}

GilAcquire::GilAcquire() {
  if (TooLate()) StandStill();
  try {
    state_ = PyGILState_Ensure();
  } catch (const abi::__forced_unwind&) { StandStill(); }
}

GilAcquire::~GilAcquire() {
  // Python code that ran meanwhile may have lost the GIL for good.
  if (TooLate()) StandStill();
  PyGILState_Release(state_);
}

}  // namespace pycaffe
