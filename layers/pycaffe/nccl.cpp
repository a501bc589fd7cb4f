// installed by amcaffe
#include "pycaffe.hpp"

#ifdef USE_NCCL
#include "caffe/parallel.hpp"
#endif

namespace pycaffe {

#ifdef USE_NCCL
typedef caffe::NCCL<Dtype> NCCL;

void BindNccl(py::module_* m) {
  m->def("has_nccl", []() { return true; });
  py::class_<NCCL, shared_ptr<NCCL> >(*m, "NCCL", py::dynamic_attr())
      .def(py::init<shared_ptr<Solver>, const string&>(),
          py::keep_alive<1, 2>(), Guard())
      // Arbitrary bytes, zeros included.
      .def_static(
          "new_uid", []() { return py::bytes(NCCL::new_uid()); }, Guard())
      .def("bcast", &NCCL::Broadcast, LongGuard());
  py::object net = m->attr("Net");
  py::object solver = m->attr("Solver");
  py::setattr(net, "after_backward",
      py::cpp_function(
          [](Net& self, NCCL* nccl) { self.add_after_backward(nccl); },
          py::name("after_backward"), py::is_method(net),
          py::sibling(py::getattr(net, "after_backward")),
          py::keep_alive<1, 2>()));
  py::setattr(solver, "add_callback",
      py::cpp_function(
          [](Solver& self, NCCL* nccl) { self.add_callback(nccl); },
          py::name("add_callback"), py::is_method(solver),
          py::sibling(py::getattr(solver, "add_callback")),
          py::keep_alive<1, 2>()));
}

#else

/// Takes the name, so that `caffe` imports, and says why it cannot be used.
struct NoNccl {};

static void Refuse() {
  throw FatalError(
      "this Caffe is built without NCCL, which training on several GPUs needs;"
      " build it with -DUSE_NCCL=ON (caffe.has_nccl() tells)");
}

void BindNccl(py::module_* m) {
  m->def("has_nccl", []() { return false; });
  py::class_<NoNccl>(*m, "NCCL")
      .def(py::init([](const py::args&, const py::kwargs&) -> NoNccl* {
        Refuse();
        return NULL;
      }))
      .def_static("new_uid", &Refuse);
}
#endif

}  // namespace pycaffe
