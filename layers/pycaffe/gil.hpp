// installed by amcaffe
#ifndef PYCAFFE_GIL_HPP_
#define PYCAFFE_GIL_HPP_

#include <Python.h>

namespace pycaffe {

// Python ends, up to 3.13, a thread that asks for the GIL while the interpreter
// finalizes (a daemon thread at exit) by unwinding its stack, which C++ calls
// std::terminate for where a destructor asked. These two let such a thread
// stand still till the process is gone.

/// Other Python threads run while one lives. Needs the GIL.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease();

 private:
  GilRelease(const GilRelease&);
  GilRelease& operator=(const GilRelease&);

  PyThreadState* state_;
};

/// Holds the GIL, also in threads that Python does not know.
class GilAcquire {
 public:
  GilAcquire();
  ~GilAcquire();

 private:
  GilAcquire(const GilAcquire&);
  GilAcquire& operator=(const GilAcquire&);

  PyGILState_STATE state_;
};

}  // namespace pycaffe

#endif  // PYCAFFE_GIL_HPP_
