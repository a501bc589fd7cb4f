// installed by amcaffe
#ifndef PYCAFFE_PYCAFFE_HPP_
#define PYCAFFE_PYCAFFE_HPP_

#include <pybind11/pybind11.h>  // before the system's headers, as Python.h asks

#include <string>
#include <vector>

#include "caffe/caffe.hpp"
#include "caffe/util/fatal_error.hpp"
#include "gil.hpp"

// Callbacks, ranks and multi-process training all came to Caffe with NCCL.
#if defined(__has_include)
#if __has_include("caffe/util/nccl.hpp")
#define PYCAFFE_SINCE_NCCL
#endif
#endif

PYBIND11_DECLARE_HOLDER_TYPE(T, boost::shared_ptr<T>)

namespace py = pybind11;

// For classes with members of pybind11's, which are hidden themselves.
#define PYCAFFE_HIDDEN __attribute__((visibility("hidden")))

namespace pycaffe {

using boost::shared_ptr;
using caffe::FatalAsException;
using caffe::FatalError;
using std::string;
using std::vector;

typedef float Dtype;  // pycaffe has always been single precision
typedef caffe::Blob<Dtype> Blob;
typedef caffe::Layer<Dtype> Layer;
typedef caffe::Net<Dtype> Net;
typedef caffe::Solver<Dtype> Solver;

typedef vector<shared_ptr<Blob> > BlobVec;
typedef vector<Blob*> RawBlobVec;
typedef vector<shared_ptr<Layer> > LayerVec;
typedef vector<shared_ptr<Net> > NetVec;

/// A Python `Blob`. A class of its own, since one blob is handed out both with
/// ownership (by nets and layers) and without (to the methods of a layer).
struct BlobHandle { shared_ptr<Blob> blob; };

/// What nearly every function of the module runs under.
typedef py::call_guard<FatalAsException> Guard;
/// ... with other Python threads running meanwhile.
typedef py::call_guard<FatalAsException, GilRelease> LongGuard;

/// A property's getter; def_property_readonly would drop the guard.
template <typename Function>
py::cpp_function Getter(Function function,
    py::return_value_policy policy = py::return_value_policy::automatic) {
  return py::cpp_function(function, policy, Guard());
}

/// Keeps `what` as long as the Python object `self`, where Python's garbage
/// collector sees it.
void Keep(py::handle self, py::object what);

/// Runs Python's signal handlers, for Ctrl-C. Needs the GIL; throws what they
/// raise.
void RaiseSignals();

/// Raises TypeError or OverflowError: a dimension that is no C++ int. Throws
/// FatalError: a shape that no blob can have.
vector<int> ShapeOf(const py::args& dimensions);

void BindBlob(py::module_* m);
void BindErrors(py::module_* m);
void BindLayer(py::module_* m);
void BindNet(py::module_* m);
void BindNccl(py::module_* m);
void BindSolver(py::module_* m);
void BindVectors(py::module_* m);

}  // namespace pycaffe

PYBIND11_MAKE_OPAQUE(pycaffe::BlobVec)
PYBIND11_MAKE_OPAQUE(pycaffe::RawBlobVec)
PYBIND11_MAKE_OPAQUE(pycaffe::LayerVec)
PYBIND11_MAKE_OPAQUE(pycaffe::NetVec)
PYBIND11_MAKE_OPAQUE(std::vector<std::string>)
PYBIND11_MAKE_OPAQUE(std::vector<int>)
PYBIND11_MAKE_OPAQUE(std::vector<float>)
PYBIND11_MAKE_OPAQUE(std::vector<bool>)

#endif  // PYCAFFE_PYCAFFE_HPP_
