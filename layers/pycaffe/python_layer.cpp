// installed by amcaffe
#include "python_layer.hpp"

#include <map>

namespace pycaffe {

py::object PythonLayer::self() {
  return py::cast(static_cast<Layer*>(this),
      py::return_value_policy::reference);
}

void PythonLayer::LayerSetUp(const RawBlobVec& bottom, const RawBlobVec& top) {
  GilAcquire gil;
#ifdef PYCAFFE_SINCE_NCCL
  // The threads of a multi-GPU run of the command line share one interpreter.
  if (this->phase_ == caffe::TRAIN && caffe::Caffe::solver_count() > 1 &&
      !caffe::Caffe::multiprocess()) {
    LOG(FATAL) << "Layer " << this->layer_param_.name() << " is written in "
               << "Python: train on several GPUs with a process each, as in "
               << "python/train.py (caffe.set_multiprocess)";
  }
#endif
  py::object layer = self();
  layer.attr("param_str") =
      py::str(this->layer_param_.python_param().param_str());
  layer.attr("phase") = static_cast<int>(this->phase_);
  layer.attr("setup")(bottom, top);
}

void PythonLayer::Reshape(const RawBlobVec& bottom, const RawBlobVec& top) {
  GilAcquire gil;
  self().attr("reshape")(bottom, top);
}

void PythonLayer::Forward_cpu(const RawBlobVec& bottom, const RawBlobVec& top) {
  GilAcquire gil;
  self().attr("forward")(bottom, top);
}

void PythonLayer::Backward_cpu(const RawBlobVec& top,
    const vector<bool>& propagate_down, const RawBlobVec& bottom) {
  GilAcquire gil;
  self().attr("backward")(top, propagate_down, bottom);
}

/// The deleter of the pointers that nets hold. The Python object owns its
/// layer, so a net owns the object.
struct DropObject {
  PyObject* object;
  void operator()(Layer*) const {
    GilAcquire gil;
    Py_DECREF(object);
  }
};

static shared_ptr<Layer> CreatePythonLayer(const caffe::LayerParameter& param) {
  GilAcquire gil;
  const caffe::PythonParameter& where = param.python_param();
  py::object module = py::module_::import(where.module().c_str());
  py::object object = module.attr(where.layer().c_str())(param);
  if (!py::isinstance<Layer>(object)) {
    throw py::type_error("layer " + param.name() + ": " + where.module() + "." +
        where.layer() + " is no subclass of caffe.Layer");
  }
  Layer* layer = object.cast<Layer*>();
  return shared_ptr<Layer>(layer, DropObject{object.release().ptr()});
}

void RegisterPythonLayers() {
  caffe::LayerRegistry<Dtype>::CreatorRegistry& registry =
      caffe::LayerRegistry<Dtype>::Registry();
  if (registry.count("Python")) { registry["Python"] = &CreatePythonLayer; }
}

}  // namespace pycaffe
