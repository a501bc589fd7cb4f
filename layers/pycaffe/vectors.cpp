// installed by amcaffe
// Caffe's vectors as Python sequences that refer to the vector itself.
#include "pycaffe.hpp"

namespace pycaffe {

template <typename T>
py::object ToPython(const T& value) {
  return py::cast(value);
}

static py::object ToPython(const shared_ptr<Blob>& blob) {
  return py::cast(BlobHandle{blob});
}

static void LeaveAlone(Blob*) {}

static py::object ToPython(Blob* const& blob) {
  return ToPython(shared_ptr<Blob>(blob, &LeaveAlone));
}

template <typename T>
T FromPython(const py::handle& object) {
  try {
    // None would be cast to an empty pointer, which Caffe follows.
    if (!object.is_none()) return object.cast<T>();
  } catch (const py::cast_error&) {}
  throw py::type_error(string(py::repr(object)) + " of type " +
      Py_TYPE(object.ptr())->tp_name + " is no element for this vector");
}

template <>
shared_ptr<Blob> FromPython<shared_ptr<Blob> >(const py::handle& object) {
  return FromPython<BlobHandle>(object).blob;
}

template <>
Blob* FromPython<Blob*>(const py::handle& object) {
  return FromPython<BlobHandle>(object).blob.get();
}

template <typename Vector>
size_t Index(const Vector& vector, py::ssize_t index) {
  const py::ssize_t size = vector.size();
  if (index < -size || index >= size) {
    throw py::index_error("index " + std::to_string(index) + " of " +
        std::to_string(size) + " elements");
  }
  return index < 0 ? index + size : index;
}

template <typename Vector>
py::list List(const Vector& vector) {
  py::list list;
  for (size_t i = 0; i < vector.size(); ++i) {
    const typename Vector::value_type value = vector[i];
    list.append(ToPython(value));
  }
  return list;
}

template <typename Vector>
Vector FromIterable(const py::iterable& values) {
  Vector vector;
  for (py::handle value : values) {
    vector.push_back(FromPython<typename Vector::value_type>(value));
  }
  return vector;
}

template <typename Vector>
py::class_<Vector> BindVector(py::module_* m, const char* name) {
  typedef typename Vector::value_type Value;
  return py::class_<Vector>(*m, name, py::dynamic_attr())
      .def(py::init<>())
      .def(py::init(&FromIterable<Vector>))
      .def("__len__", [](const Vector& self) { return self.size(); })
      .def("__getitem__",
          [](const Vector& self, py::ssize_t index) {
            const Value value = self[Index(self, index)];
            return ToPython(value);
          })
      .def("__getitem__",
          [](const Vector& self, const py::slice& slice) {
            return FromIterable<Vector>(List(self)[slice]);
          })
      .def("__setitem__",
          [](Vector& self, py::ssize_t index, py::handle value) {
            self[Index(self, index)] = FromPython<Value>(value);
          })
      .def("__delitem__",
          [](Vector& self, py::ssize_t index) {
            self.erase(self.begin() + Index(self, index));
          })
      .def("__iter__", [](const Vector& self) { return py::iter(List(self)); })
      .def("__contains__",
          [](const Vector& self, py::handle value) {
            return List(self).contains(value);
          })
      .def("__eq__",
          [](const Vector& self, const py::object& other) -> py::object {
            if (!py::isinstance<py::sequence>(other) &&
                !py::isinstance<Vector>(other)) {
              return py::reinterpret_borrow<py::object>(Py_NotImplemented);
            }
            return py::bool_(List(self).equal(py::list(other)));
          })
      .def("__repr__",
          [name](const Vector& self) {
            return string(name) + "(" + string(py::repr(List(self))) + ")";
          })
      .def("append",
          [](Vector& self, py::handle value) {
            self.push_back(FromPython<Value>(value));
          })
      .def("extend", [](Vector& self, const py::iterable& values) {
        const Vector added = FromIterable<Vector>(values);
        self.insert(self.end(), added.begin(), added.end());
      });
}

void BindVectors(py::module_* m) {
  BindVector<BlobVec>(m, "BlobVec")
      .def(
          "add_blob",
          [](BlobVec& self, const py::args& shape) {
            self.push_back(shared_ptr<Blob>(new Blob(ShapeOf(shape))));
          },
          Guard());
  BindVector<RawBlobVec>(m, "RawBlobVec");
  BindVector<LayerVec>(m, "LayerVec");
  BindVector<NetVec>(m, "NetVec");
  BindVector<vector<string> >(m, "StringVec");
  BindVector<vector<int> >(m, "IntVec");
  BindVector<vector<float> >(m, "DtypeVec");
  BindVector<vector<bool> >(m, "BoolVec");
}

}  // namespace pycaffe
