// A Caffe net in double or float precision for Python: pycaffe has float alone.
#include <google/protobuf/text_format.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "caffe/caffe.hpp"

namespace py = pybind11;

template <typename Dtype>
using Array = py::array_t<Dtype, py::array::c_style | py::array::forcecast>;

template <typename Dtype>
class PreciseNet {
 public:
  PreciseNet(const std::string& text, bool train) {
    caffe::NetParameter param;
    if (!google::protobuf::TextFormat::ParseFromString(text, &param)) {
      throw py::value_error("this is no NetParameter:\n" + text);
    }
    param.mutable_state()->set_phase(train ? caffe::TRAIN : caffe::TEST);
    net_.reset(new caffe::Net<Dtype>(param));
  }

  Array<Dtype> Get(const std::string& name, int number, bool diff) {
    caffe::Blob<Dtype>& blob = Find(name, number);
    return Array<Dtype>(blob.shape(), diff ? blob.cpu_diff() : blob.cpu_data());
  }

  void Set(const std::string& name, int number, bool diff,
      const Array<Dtype>& values) {
    caffe::Blob<Dtype>& blob = Find(name, number);
    if (values.size() != blob.count()) {
      throw py::value_error(name + " has shape " + blob.shape_string());
    }
    caffe::caffe_copy(blob.count(), values.data(),
        diff ? blob.mutable_cpu_diff() : blob.mutable_cpu_data());
  }

  void Forward() { net_->Forward(); }

  void Backward() {
    net_->ClearParamDiffs();
    net_->Backward();
  }

 private:
  // A top by its name; with a number, a layer's blob.
  caffe::Blob<Dtype>& Find(const std::string& name, int number) {
    if (number < 0 ? !net_->has_blob(name) : !net_->has_layer(name)) {
      throw py::key_error(name);
    }
    return number < 0 ? *net_->blob_by_name(name)
                      : *net_->layer_by_name(name)->blobs().at(number);
  }

  caffe::shared_ptr<caffe::Net<Dtype> > net_;
};

template <typename Dtype>
void Define(py::module_& module, const char* name) {
  py::class_<PreciseNet<Dtype> >(module, name)
      .def(py::init<const std::string&, bool>())
      .def("get", &PreciseNet<Dtype>::Get)
      .def("set", &PreciseNet<Dtype>::Set)
      .def("forward", &PreciseNet<Dtype>::Forward)
      .def("backward", &PreciseNet<Dtype>::Backward);
}

PYBIND11_MODULE(precise_net, module) {
  FLAGS_minloglevel = google::ERROR;  // not each net's set-up
  Define<float>(module, "FloatNet");
  Define<double>(module, "DoubleNet");
  module.def("layer_types", &caffe::LayerRegistry<float>::LayerTypeList);
  module.def("gpus", [] {
    int count = 0;
#ifndef CPU_ONLY
    if (cudaGetDeviceCount(&count) != cudaSuccess) { count = 0; }
#endif
    return count;
  });
  module.def("use_gpu", [](bool gpu) {
    caffe::Caffe::set_mode(gpu ? caffe::Caffe::GPU : caffe::Caffe::CPU);
  });
  module.def("set_seed",
      [](unsigned int seed) { caffe::Caffe::set_random_seed(seed); });
}
