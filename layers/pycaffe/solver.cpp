// installed by amcaffe
#include "caffe/sgd_solvers.hpp"
#include "files.hpp"
#include "net_lock.hpp"
#include "pycaffe.hpp"

namespace pycaffe {

/// Asked by a solver after each iteration and before each batch of a test. An
/// exception there leaves the solver between two iterations.
static caffe::SolverAction::Enum OnIteration() {
  GilAcquire gil;
  RaiseSignals();
  return caffe::SolverAction::NONE;
}

template <typename SolverClass>
static shared_ptr<SolverClass> NewSolver(const string& path) {
  shared_ptr<SolverClass> solver(new SolverClass(ReadSolver(path)));
  solver->SetActionFunction(&OnIteration);
  return solver;
}

static shared_ptr<Solver> GetSolver(const string& path) {
  shared_ptr<Solver> solver(
      caffe::SolverRegistry<Dtype>::CreateSolver(ReadSolver(path)));
  solver->SetActionFunction(&OnIteration);
  return solver;
}

static void Restore(Solver* solver, const string& state) {
  CheckFile(state);
  NetLock lock(solver, NetLock::kKeepGil);
  solver->Restore(state.c_str());
}

static void Solve(Solver& solver, const py::object& state) {
  string file;
  if (!state.is_none()) {
    file = Path(state);
    CheckFile(file);
  }
  GilRelease released;
  NetLock lock(&solver);
  solver.Solve(file.empty() ? NULL : file.c_str());
}

/// A solver's net, always as the same Python object, which keeps its callbacks.
static py::object TheNet(const py::object& self) {
  if (!py::hasattr(self, "_net")) {
    py::setattr(self, "_net", py::cast(self.cast<Solver&>().net()));
  }
  return self.attr("_net");
}

static py::object TheTestNets(const py::object& self) {
  const NetVec& nets = self.cast<Solver&>().test_nets();
  if (!py::hasattr(self, "_test_nets")) {
    py::list objects;
    for (const shared_ptr<Net>& net : nets) objects.append(py::cast(net));
    py::setattr(self, "_test_nets", objects);
  }
  return py::cast(nets, py::return_value_policy::reference_internal, self);
}

class PYCAFFE_HIDDEN SolverCallback final : public Solver::Callback {
 public:
  SolverCallback(py::handle on_start, py::handle on_gradients_ready)
      : on_start_(on_start), on_gradients_ready_(on_gradients_ready) {}

 protected:
  void on_start() override {
    GilAcquire gil;
    on_start_();
  }
  void on_gradients_ready() override {
    GilAcquire gil;
    on_gradients_ready_();
  }

 private:
  py::handle on_start_, on_gradients_ready_;  // kept by the solver's object
};

static void AddCallback(const py::object& self, const py::function& on_start,
    const py::function& on_gradients_ready) {
  SolverCallback* callback = new SolverCallback(on_start, on_gradients_ready);
  Keep(self,
      py::make_tuple(on_start, on_gradients_ready,
          py::capsule(callback,
              [](void* held) { delete static_cast<SolverCallback*>(held); })));
  self.cast<Solver&>().add_callback(callback);
}

// Forks before 2017 keep the learning rate and the update to the solver itself.
template <typename SolverClass, typename Class>
static auto BindLearningRate(Class* bound, int)
    -> decltype(std::declval<SolverClass&>().GetLearningRate(), void()) {
  bound->def_property_readonly("lr",
      Getter([](SolverClass& self) { return self.GetLearningRate(); }));
}
template <typename SolverClass, typename Class>
static void BindLearningRate(Class*, long) {}  // NOLINT(runtime/int)

template <typename SolverClass, typename Class>
static auto BindApplyUpdate(Class* bound, int)
    -> decltype(std::declval<SolverClass&>().ApplyUpdate()) {
  bound->def(
      "apply_update",
      [](SolverClass& self) {
        NetLock lock(&self);
        self.ApplyUpdate();
      },
      LongGuard());
}
template <typename SolverClass, typename Class>
static void BindApplyUpdate(Class*, long) {}  // NOLINT(runtime/int)

template <typename SolverClass>
static void BindKind(py::module_* m, const char* name) {
  py::class_<SolverClass, caffe::SGDSolver<Dtype>, shared_ptr<SolverClass> >(*m,
      name, py::dynamic_attr())
      .def(py::init(&NewSolver<SolverClass>), Guard());
}

static void BindParameters(py::module_* m) {
  using caffe::SolverParameter;
  py::class_<SolverParameter>(*m, "SolverParameter", py::dynamic_attr())
      .def_property_readonly("max_iter", &SolverParameter::max_iter)
      .def_property_readonly("display", &SolverParameter::display)
#ifdef PYCAFFE_SINCE_NCCL
      .def_property_readonly("layer_wise_reduce",
          &SolverParameter::layer_wise_reduce)
#endif
      .def_property("base_lr", &SolverParameter::base_lr,
          &SolverParameter::set_base_lr);
}

void BindSolver(py::module_* m) {
  BindParameters(m);
  py::class_<Solver, shared_ptr<Solver> > solver(*m, "Solver",
      py::dynamic_attr());
  solver.def_property_readonly("net", &TheNet)
      .def_property_readonly("test_nets", &TheTestNets)
      .def_property_readonly("iter", &Solver::iter)
      .def_property_readonly("param", &Solver::param,
          py::return_value_policy::reference_internal)
      .def("add_callback", &AddCallback)
      .def("solve", &Solve, py::arg("resume_file") = py::none(), Guard())
      .def(
          "step",
          [](Solver& self, int iterations) {
            NetLock lock(&self);
            self.Step(iterations);
          },
          LongGuard())
      .def("restore", &Restore, Guard())
      .def(
          "snapshot",
          [](Solver& self) {
            NetLock lock(&self, NetLock::kKeepGil);
            self.Snapshot();
          },
          Guard())
      .def(
          "share_weights",
          [](Solver& self, Net& net) {
            NetLock lock({self.net().get(), &net});
            net.ShareTrainedLayersWith(self.net().get());
          },
          LongGuard());
  BindApplyUpdate<Solver>(&solver, 0);

  typedef caffe::SGDSolver<Dtype> SGDSolver;
  py::class_<SGDSolver, Solver, shared_ptr<SGDSolver> > sgd(*m, "SGDSolver",
      py::dynamic_attr());
  sgd.def(py::init(&NewSolver<SGDSolver>), Guard());
  BindLearningRate<SGDSolver>(&sgd, 0);
  BindKind<caffe::NesterovSolver<Dtype> >(m, "NesterovSolver");
  BindKind<caffe::AdaGradSolver<Dtype> >(m, "AdaGradSolver");
  BindKind<caffe::RMSPropSolver<Dtype> >(m, "RMSPropSolver");
  BindKind<caffe::AdaDeltaSolver<Dtype> >(m, "AdaDeltaSolver");
  BindKind<caffe::AdamSolver<Dtype> >(m, "AdamSolver");
  m->def("get_solver", &GetSolver, Guard());
}

}  // namespace pycaffe
