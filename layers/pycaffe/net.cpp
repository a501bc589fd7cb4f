// installed by amcaffe
#include <pybind11/numpy.h>

#include "caffe/layers/memory_data_layer.hpp"
#include "caffe/util/io.hpp"
#include "files.hpp"
#include "net_lock.hpp"
#include "pycaffe.hpp"

namespace pycaffe {

static shared_ptr<Net> NewNet(const string& network_file, int phase, int level,
    const py::object& stages, const py::object& weights) {
  if (!caffe::Phase_IsValid(phase)) {
    throw py::value_error("phase " + std::to_string(phase) +
        " is neither caffe.TRAIN nor caffe.TEST");
  }
  caffe::NetParameter param = ReadNet(network_file);
  param.mutable_state()->set_phase(static_cast<caffe::Phase>(phase));
  param.mutable_state()->set_level(level);
  if (!stages.is_none()) {
    for (py::handle stage : stages) {
      if (!py::isinstance<py::str>(stage)) {
        throw py::type_error(
            "a stage must be a str, not " + string(py::repr(stage)));
      }
      param.mutable_state()->add_stage(stage.cast<string>());
    }
  }
  shared_ptr<Net> net(new Net(param));
  if (!weights.is_none()) {
    const string file = Path(weights);
    CheckFile(file);
    net->CopyTrainedLayersFrom(file);
  }
  return net;
}

static shared_ptr<Net> NewNetOfOldCode(const string& param_file,
    const string& pretrained_param_file, int phase) {
  LOG(WARNING) << "Net(prototxt, weights, phase) is deprecated; use Net('"
               << param_file << "', " << phase << ", weights='"
               << pretrained_param_file << "')";
  return NewNet(param_file, phase, 0, py::none(),
      py::str(pretrained_param_file));
}

static void Save(const Net& net, const string& path) {
  NetLock lock(&net, NetLock::kKeepGil);
  caffe::NetParameter param;
  net.ToProto(&param, false);
  caffe::WriteProtoToBinaryFile(param, path.c_str());
}

static Dtype* Checked(const py::array& array, const string& name, int channels,
    int height, int width) {
  const string must = name + " must ";
  if (!(array.flags() & py::array::c_style)) {
    throw std::runtime_error(must + "be C contiguous");
  }
  if (array.ndim() != 4) throw std::runtime_error(must + "be 4-d");
  if (!py::isinstance<py::array_t<Dtype> >(array)) {
    throw std::runtime_error(must + "be float32");
  }
  const int expected[] = {channels, height, width};
  const char* const words[] = {"channels", "height", "width"};
  for (int i = 0; i < 3; ++i) {
    if (array.shape(i + 1) != expected[i]) {
      throw std::runtime_error(must + "have " + words[i] + " " +
          std::to_string(expected[i]) + ", not " +
          std::to_string(array.shape(i + 1)));
    }
  }
  return static_cast<Dtype*>(const_cast<void*>(array.data()));
}

static void SetInputArrays(const py::object& self, const py::array& data,
    const py::array& labels) {
  Net& net = self.cast<Net&>();
  shared_ptr<caffe::MemoryDataLayer<Dtype> > layer;
  if (net.layers().size()) {
    layer = boost::dynamic_pointer_cast<caffe::MemoryDataLayer<Dtype> >(
        net.layers()[0]);
  }
  if (!layer) {
    throw std::runtime_error(
        "set_input_arrays may only be called if the"
        " first layer is a MemoryDataLayer");
  }
  Dtype* values = Checked(data, "data array", layer->channels(),
      layer->height(), layer->width());
  Dtype* label_values = Checked(labels, "labels array", 1, 1, 1);
  if (data.shape(0) != labels.shape(0)) {
    throw std::runtime_error(
        "data and labels must have the same first"
        " dimension");
  }
  if (data.shape(0) % layer->batch_size() != 0) {
    throw std::runtime_error(
        "first dimensions of input arrays must be a"
        " multiple of batch size");
  }
  NetLock lock(&net, NetLock::kKeepGil);
  layer->Reset(values, label_values, data.shape(0));
  // The layer reads these arrays' memory, and no longer that of earlier ones.
  py::setattr(self, "_input_arrays", py::make_tuple(data, labels));
}

#ifdef PYCAFFE_SINCE_NCCL
class PYCAFFE_HIDDEN NetCallback final : public Net::Callback {
 public:
  explicit NetCallback(py::handle function) : function_(function) {}

 protected:
  void run(int layer) override {
    GilAcquire gil;
    function_(layer);
  }

 private:
  py::handle function_;  // kept by the net's Python object
};

template <void (Net::*add)(Net::Callback*)>
static void AddCallback(const py::object& self, const py::function& function) {
  NetCallback* callback = new NetCallback(function);
  Keep(self, py::make_tuple(function, py::capsule(callback, [](void* held) {
    delete static_cast<NetCallback*>(held);
  })));
  (self.cast<Net*>()->*add)(callback);
}
#endif

void BindNet(py::module_* m) {
  const py::return_value_policy inside =
      py::return_value_policy::reference_internal;
  py::class_<Net, shared_ptr<Net> > net(*m, "Net", py::dynamic_attr());
  net.def(py::init(&NewNet), py::arg("network_file"), py::arg("phase"),
         py::arg("level") = 0, py::arg("stages") = py::none(),
         py::arg("weights") = py::none(), Guard())
      .def(py::init(&NewNetOfOldCode), py::arg("network_file"),
          py::arg("weights"), py::arg("phase"), Guard())
      .def(
          "_forward",
          [](Net& self, int start, int end) {
            NetLock lock(&self);
            return self.ForwardFromTo(start, end);
          },
          LongGuard())
      .def(
          "_backward",
          [](Net& self, int start, int end) {
            NetLock lock(&self);
            self.BackwardFromTo(start, end);
          },
          LongGuard())
      .def(
          "reshape",
          [](Net& self) {
            NetLock lock(&self);
            self.Reshape();
          },
          LongGuard())
      .def(
          "clear_param_diffs",
          [](Net& self) {
            NetLock lock(&self);
            self.ClearParamDiffs();
          },
          LongGuard())
      // These hold the GIL: HDF5 is not made for several threads.
      .def(
          "copy_from",
          [](Net& self, const string& path) {
            CheckFile(path);
            NetLock lock(&self, NetLock::kKeepGil);
            self.CopyTrainedLayersFrom(path);
          },
          Guard())
      .def("save", &Save, Guard())
      .def(
          "save_hdf5",
          [](const Net& self, const string& path) {
            NetLock lock(&self, NetLock::kKeepGil);
            self.ToHDF5(path);
          },
          Guard())
      .def(
          "load_hdf5",
          [](Net& self, const string& path) {
            CheckFile(path);
            NetLock lock(&self, NetLock::kKeepGil);
            self.CopyTrainedLayersFromHDF5(path.c_str());
          },
          Guard())
      .def(
          "share_with",
          [](Net& self, const Net& other) {
            NetLock lock({&self, &other});
            self.ShareTrainedLayersWith(&other);
          },
          LongGuard())
      .def(
          "_bottom_ids",
          [](const Net& self, int layer) { return self.bottom_ids(layer); },
          Guard())
      .def(
          "_top_ids",
          [](const Net& self, int layer) { return self.top_ids(layer); },
          Guard())
      .def_property_readonly("_blobs", &Net::blobs, inside)
      .def_property_readonly("layers", &Net::layers, inside)
      .def_property_readonly("_blob_loss_weights", &Net::blob_loss_weights,
          inside)
      .def_property_readonly("_blob_names", &Net::blob_names, inside)
      .def_property_readonly("_layer_names", &Net::layer_names, inside)
      .def_property_readonly("_inputs", &Net::input_blob_indices, inside)
      .def_property_readonly("_outputs", &Net::output_blob_indices, inside)
      .def("_set_input_arrays", &SetInputArrays, Guard());
#ifdef PYCAFFE_SINCE_NCCL
  net.def("before_forward", &AddCallback<&Net::add_before_forward>)
      .def("after_forward", &AddCallback<&Net::add_after_forward>)
      .def("before_backward", &AddCallback<&Net::add_before_backward>)
      .def("after_backward", &AddCallback<&Net::add_after_backward>);
#endif
}

}  // namespace pycaffe
