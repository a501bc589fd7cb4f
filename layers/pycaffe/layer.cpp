// installed by amcaffe
#include "pycaffe.hpp"
#include "python_layer.hpp"

namespace pycaffe {

/// The way to a protected method.
struct BlobCounts : public Layer { using Layer::CheckBlobCounts; };

/// `layer.setup` and `layer.reshape` of layers in C++. A layer in Python comes
/// here where its class lacks the method.
template <typename Function>
std::function<void(Layer&, const RawBlobVec&, const RawBlobVec&)> OfNativeLayer(
    const char* name, Function function) {
  return [name, function](Layer& self, const RawBlobVec& bottom,
             const RawBlobVec& top) {
    if (dynamic_cast<PythonLayer*>(&self)) {
      const string message =
          string(py::str(
              py::type::of(py::cast(&self, py::return_value_policy::reference))
                  .attr("__name__"))) +
          " has no method " + name + "(self, bottom, top)";
      PyErr_SetString(PyExc_NotImplementedError, message.c_str());
      throw py::error_already_set();
    }
    // As Caffe's SetUp does, and no layer does by itself.
    (self.*&BlobCounts::CheckBlobCounts)(bottom, top);
    function(self, bottom, top);
  };
}

void BindLayer(py::module_* m) {
  py::class_<caffe::LayerParameter>(*m, "LayerParameter");

  py::class_<Layer, PythonLayer, shared_ptr<Layer> >(*m, "Layer",
      py::dynamic_attr())
      .def(py::init_alias<const caffe::LayerParameter&>(), Guard())
      .def_property_readonly("blobs",
          Getter([](Layer& self) -> BlobVec& { return self.blobs(); },
              py::return_value_policy::reference_internal))
      .def_property_readonly("type",
          Getter([](Layer& self) { return self.type(); }))
      .def("setup",
          OfNativeLayer("setup",
              [](Layer& self, const RawBlobVec& bottom, const RawBlobVec& top) {
                self.LayerSetUp(bottom, top);
              }),
          Guard())
      .def("reshape",
          OfNativeLayer("reshape",
              [](Layer& self, const RawBlobVec& bottom, const RawBlobVec& top) {
                self.Reshape(bottom, top);
              }),
          Guard());

  RegisterPythonLayers();
}

}  // namespace pycaffe
