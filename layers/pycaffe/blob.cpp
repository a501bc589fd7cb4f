// installed by amcaffe
#include "pycaffe.hpp"

#include <pybind11/numpy.h>

#include <climits>

namespace pycaffe {

static int Dimension(py::handle value, size_t axis) {
  const string what = "a blob's dimension " + std::to_string(axis) + " ";
  const string found = string(py::repr(value));
  PyObject* number = PyNumber_Index(value.ptr());
  if (!number) {
    PyErr_Clear();
    throw py::type_error(what + "must be an int, not " + found);
  }
  int overflow = 0;
  const long dimension = PyLong_AsLongAndOverflow(  // NOLINT(runtime/int)
      number, &overflow);
  Py_DECREF(number);
  if (overflow || dimension > INT_MAX || dimension < INT_MIN) {
    PyErr_SetString(PyExc_OverflowError,
        (what + "cannot be " + found + "; the most is " +
            std::to_string(INT_MAX))
            .c_str());
    throw py::error_already_set();
  }
  return dimension;
}

/// The dimensions of a new shape, checked before a blob is touched: Caffe
/// changes dimension after dimension, and finds the wrong one half way.
vector<int> ShapeOf(const py::args& dimensions) {
  vector<int> shape;
  int64_t count = 1;
  for (py::handle dimension : dimensions) {
    shape.push_back(Dimension(dimension, shape.size()));
    CHECK_GE(shape.back(), 0)
        << "a blob's dimension " << shape.size() - 1 << " cannot be negative";
    count *= shape.back();
    CHECK_LE(count, INT_MAX) << "a blob cannot hold so many elements";
  }
  CHECK_LE(shape.size(), kMaxBlobAxes) << "a blob cannot have so many axes";
  return shape;
}

/// The blob's own memory as an array, which keeps that memory: an array that is
/// held while its blob grows or goes is stale, never invalid.
static py::array_t<Dtype> Array(const BlobHandle& handle, bool diff) {
  Blob* blob = handle.blob.get();
  Dtype* values = diff ? blob->mutable_cpu_diff() : blob->mutable_cpu_data();
  typedef shared_ptr<caffe::SyncedMemory> Memory;
  Memory* memory = new Memory(diff ? blob->diff() : blob->data());
  py::capsule owner(memory,
      [](void* held) { delete static_cast<Memory*>(held); });
  const vector<py::ssize_t> shape(blob->shape().begin(), blob->shape().end());
  return py::array_t<Dtype>(shape, values, owner);
}

void BindBlob(py::module_* m) {
  py::class_<BlobHandle>(*m, "Blob", py::dynamic_attr())
      .def_property_readonly("shape",
          Getter([](const BlobHandle& self) { return self.blob->shape(); }))
      .def_property_readonly("num",
          Getter([](const BlobHandle& self) { return self.blob->num(); }))
      .def_property_readonly("channels",
          Getter([](const BlobHandle& self) { return self.blob->channels(); }))
      .def_property_readonly("height",
          Getter([](const BlobHandle& self) { return self.blob->height(); }))
      .def_property_readonly("width",
          Getter([](const BlobHandle& self) { return self.blob->width(); }))
      .def_property_readonly("count",
          Getter([](const BlobHandle& self) { return self.blob->count(); }))
      .def_property_readonly("data",
          Getter([](const BlobHandle& self) { return Array(self, false); }))
      .def_property_readonly("diff",
          Getter([](const BlobHandle& self) { return Array(self, true); }))
#ifndef CPU_ONLY
      .def_property_readonly("_gpu_data_ptr",
          Getter([](const BlobHandle& self) {
            return reinterpret_cast<uintptr_t>(self.blob->mutable_gpu_data());
          }))
      .def_property_readonly("_gpu_diff_ptr",
          Getter([](const BlobHandle& self) {
            return reinterpret_cast<uintptr_t>(self.blob->mutable_gpu_diff());
          }))
#endif
      .def(
          "reshape",
          [](const BlobHandle& self, const py::args& shape) {
            self.blob->Reshape(ShapeOf(shape));
          },
          Guard())
      .def(
          "__eq__",
          [](const BlobHandle& self, const BlobHandle& other) {
            return self.blob == other.blob;
          },
          py::is_operator())
      .def("__hash__", [](const BlobHandle& self) {
        return reinterpret_cast<uintptr_t>(self.blob.get());
      });
}

}  // namespace pycaffe
