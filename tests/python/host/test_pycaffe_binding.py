import sys

import pytest

from amcaffe.build.compile import build_pycaffe
from amcaffe.build.configure import configure_options
from amcaffe.errors import BuildError, TreeError
from amcaffe.host import pycaffe_binding
from amcaffe.host.pycaffe_binding import BOOST, PYBIND11, choose_binding, names_beyond_ours
from amcaffe.host.resources import resource_dir
from amcaffe.host.toolchain import Cuda
from standins import HOST, write_files

HOSTS = """
BOOST_PYTHON_MODULE(_caffe) {
  bp::def("set_mode_cpu", &set_mode_cpu);
  bp::class_<Net<Dtype>, shared_ptr<Net<Dtype> >, boost::noncopyable >("Net",
    bp::no_init)
    .def("_forward", &Net<Dtype>::ForwardFromTo)
    .add_property("layers", bp::make_function(&Net<Dtype>::layers));
  BEYOND
}
"""


COMMON = "inline static int solver_rank();\ninline static void set_multiprocess(bool val);\n"


def tree(root, beyond="", patched=True, common=COMMON):
    host = {pycaffe_binding.HOSTS: HOSTS.replace("BEYOND", beyond), pycaffe_binding.COMMON: common}
    write_files(root, host)
    if patched:
        binding = resource_dir("layers/pycaffe")
        write_files(
            root, {f"src/pycaffe/{path.name}": path.read_text() for path in binding.iterdir()}
        )
    return root


def test_a_patched_tree_gets_pybind11_and_others_boost(tmp_path):
    assert choose_binding(tree(tmp_path / "patched")) == PYBIND11
    assert choose_binding(tree(tmp_path / "plain", patched=False)) == BOOST
    assert choose_binding(tmp_path / "patched", BOOST) == BOOST


@pytest.mark.parametrize(
    "beyond, names",
    [
        ('bp::def("_barrier", &barrier);', ["_barrier"]),
        ('bp::class_<vector<MultiSolver> >("MultiSolver");', ["MultiSolver"]),
        ('bp::class_<Blob>("Blob").add_property("data_ro", &ro).def("num", &num);', ["data_ro"]),
    ],
)
def test_a_binding_with_more_in_it_than_ours_is_kept_and_its_names_are_told(
    tmp_path, beyond, names
):
    said = []
    assert names_beyond_ours(tree(tmp_path, beyond)) == names
    assert choose_binding(tmp_path, say=said.append) == BOOST
    assert names[0] in said[0] and "--binding pybind11" in said[0]
    assert choose_binding(tmp_path, PYBIND11) == PYBIND11


def test_a_caffe_that_is_too_old_for_ours_keeps_its_own(tmp_path):
    said = []
    old = tree(tmp_path, common="inline static bool root_solver();\n")
    assert choose_binding(old, say=said.append) == BOOST
    assert "solver_rank and set_multiprocess" in said[0]
    with pytest.raises(BuildError, match="too old"):
        choose_binding(old, PYBIND11)


def test_pybind11_in_a_tree_without_it_is_refused(tmp_path):
    with pytest.raises(BuildError, match="not patched") as caught:
        choose_binding(tree(tmp_path, patched=False), PYBIND11)
    assert "amcaffe.install" in caught.value.hint


def test_a_python_without_pybind11_is_told_how_to_get_it(tmp_path):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(BuildError, match="pybind11") as caught:
        pycaffe_binding.require_pybind11(str(bare))
    assert f"{bare} -m pip install pybind11" in caught.value.hint


def test_cmake_is_told_the_binding(tmp_path):
    cpu = Cuda(None, "none")
    assert configure_options(tmp_path, cpu)["pycaffe_binding"] == PYBIND11
    assert configure_options(tmp_path, cpu, binding=BOOST)["pycaffe_binding"] == BOOST


def test_another_pythons_module_needs_a_libcaffe_without_python(tmp_path):
    with pytest.raises(TreeError):
        build_pycaffe(tmp_path)
    write_files(tmp_path, HOST)
    (tmp_path / "build").mkdir()
    for cache in ("", "pycaffe_binding:STRING=boost\n"):
        (tmp_path / "build/CMakeCache.txt").write_text(cache)
        with pytest.raises(BuildError, match="not built with pycaffe on pybind11") as caught:
            build_pycaffe(tmp_path)
        assert "--binding pybind11" in caught.value.hint
