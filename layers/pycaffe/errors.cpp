// installed by amcaffe
#include "pycaffe.hpp"

namespace pycaffe {

void BindErrors(py::module_* m) {
  // A RuntimeError, as what Boost.Python's pycaffe raised where it raised.
  static py::handle error =
      py::exception<FatalError>(*m, "CaffeError", PyExc_RuntimeError).release();
  error.attr("__doc__") =
      "A check of Caffe's failed; the message names Caffe's file and line.\n\n"
      "A net or solver that was at work may be left half done: make a new one,\n"
      "or set all inputs and shapes again. What fails in a thread of Caffe's own\n"
      "(a data layer that reads ahead) or in a destructor still ends the process.";
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const FatalError& caught) {
      PyErr_SetString(error.ptr(), caught.what());
    }
  });
}

}  // namespace pycaffe
