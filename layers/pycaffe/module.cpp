// installed by amcaffe
// The module _caffe: what python/caffe/pycaffe.py makes its classes of.
// Names with an underscore are those that pycaffe.py replaces.
#include "pycaffe.hpp"

namespace pycaffe {

static void InitLog() {
  // glog ends the process at a second initialisation.
  static bool done = false;
  if (!done) {
    ::google::InitGoogleLogging("");
    ::google::InstallFailureSignalHandler();
    done = true;
  }
}

static void BindLog(py::module_* m) {
  m->def("init_log", &InitLog);
  m->def("init_log", [](int level) {
    FLAGS_minloglevel = level;
    InitLog();
  });
  m->def("init_log", [](int level, bool to_stderr) {
    FLAGS_minloglevel = level;
    FLAGS_logtostderr = to_stderr;
    InitLog();
  });
  m->def("log", [](const string& text) { LOG(INFO) << text; });
}

static void BindSettings(py::module_* m) {
  using caffe::Caffe;
  m->def("set_mode_cpu", []() { Caffe::set_mode(Caffe::CPU); }, Guard());
  m->def("set_mode_gpu", []() { Caffe::set_mode(Caffe::GPU); }, Guard());
  m->def(
      "set_random_seed",
      [](unsigned int seed) { Caffe::set_random_seed(seed); }, Guard());
  m->def("set_device", &Caffe::SetDevice, Guard());
  m->def("layer_type_list", &caffe::LayerRegistry<Dtype>::LayerTypeList,
      Guard());
#ifdef PYCAFFE_SINCE_NCCL
  m->def("solver_count", &Caffe::solver_count, Guard());
  m->def("set_solver_count", &Caffe::set_solver_count, Guard());
  m->def("solver_rank", &Caffe::solver_rank, Guard());
  m->def("set_solver_rank", &Caffe::set_solver_rank, Guard());
  m->def("set_multiprocess", &Caffe::set_multiprocess, Guard());
#endif
}

void Keep(py::handle self, py::object what) {
  const char* const name = "_kept";
  if (!py::hasattr(self, name)) { py::setattr(self, name, py::list()); }
  self.attr(name).attr("append")(what);
}

void RaiseSignals() {
  if (PyErr_CheckSignals() != 0) { throw py::error_already_set(); }
}

static void* RefuseUnmade(size_t) {
  throw py::type_error(
      "an object of Caffe's is used before its class's __init__ was called:"
      " call super().__init__(...) first");
}

/// pybind11 would hand out memory in which nothing was made yet.
static void RefuseUnmadeObjects(const py::module_& m) {
  for (const auto& item : py::dict(m.attr("__dict__"))) {
    if (!PyType_Check(item.second.ptr())) continue;
    py::detail::type_info* type = py::detail::get_type_info(
        reinterpret_cast<PyTypeObject*>(item.second.ptr()));
    if (type) type->operator_new = &RefuseUnmade;
  }
}

static void BindTimer(py::module_* m) {
  using caffe::Timer;
  py::class_<Timer>(*m, "Timer", py::dynamic_attr())
      .def(py::init<>(), Guard())
      .def("start", &Timer::Start, Guard())
      .def("stop", &Timer::Stop, Guard())
      .def_property_readonly("ms",
          Getter([](Timer& timer) { return timer.MilliSeconds(); }));
}

static void BindModule(py::module_* m) {
  m->doc() =
      "Caffe's nets, layers and solvers.\n\n"
      "Other Python threads run during forward, backward, step and solve; one\n"
      "thread at a time is in a net's or solver's method, and the next waits.\n"
      "Nothing waits that is a blob's (its arrays, reshape) or a layer's: use\n"
      "them while no other thread is in their net. HDF5 is not made for threads:\n"
      "what uses it (HDF5Data and HDF5Output layers, snapshots in HDF5, *_hdf5,\n"
      "h5py) must not run in two at once. Mode, device, random seed and solver\n"
      "rank are each thread's own: set them in every thread.";
#ifdef CAFFE_VERSION
  m->attr("__version__") = AS_STRING(CAFFE_VERSION);
#endif
  m->attr("__binding__") = "pybind11";
  BindErrors(m);
  BindLog(m);
  BindSettings(m);
  BindVectors(m);
  BindBlob(m);
  BindLayer(m);
  BindNet(m);
  BindSolver(m);
  BindNccl(m);
  BindTimer(m);
  RefuseUnmadeObjects(*m);
}

}  // namespace pycaffe

PYBIND11_MODULE(_caffe, m) { pycaffe::BindModule(&m); }
