"""Where our files lie: each in a room, whose place in a tree stands once, and all in a wheel."""

from pathlib import Path

import pytest

from amcaffe.errors import AmcaffeError
from amcaffe.host import resources
from amcaffe.install.sources import ROOMS, own_sources
from standins import MARK, write_files

ROOT = Path(__file__).parents[3]


def test_the_real_rooms_are_those_of_the_table_and_each_is_lived_in():
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for top in ("layers", "tests/layers")
        for path in (ROOT / top).rglob("*")
        if path.is_file()
    }
    assert folders | {"cmake"} == set(ROOMS)


@pytest.mark.parametrize(
    "origin, target",
    [("layers/margins/margin_math.hpp", "include/caffe/layers/margin_math.hpp"),
     ("layers/margins/normalize_rows.cu", "src/caffe/layers/normalize_rows.cu"),
     ("layers/fused/softmax_rows.cpp", "src/caffe/layers/softmax_rows.cpp"),
     ("layers/repairs/fatal_error.hpp", "include/caffe/util/fatal_error.hpp"),
     ("layers/repairs/no_python.cpp", "src/caffe/util/no_python.cpp"),
     ("layers/pycaffe/pycaffe.hpp", "src/pycaffe/pycaffe.hpp"),
     ("layers/pycaffe/CMakeLists.txt", "src/pycaffe/CMakeLists.txt"),
     ("tests/layers/layer_test_util.hpp", "include/caffe/test/layer_test_util.hpp"),
     ("tests/layers/margins/test_flip_layer.cpp", "src/caffe/test/test_flip_layer.cpp"),
     ("cmake/amcaffe_cuda.cmake", "cmake/amcaffe_cuda.cmake")],
)  # fmt: skip
def test_a_file_goes_where_its_room_says(origin, target):
    assert {source.origin: source.target for source in own_sources()}[origin] == target


@pytest.mark.parametrize(
    "name", ["layers/late.hpp", "layers/attic/late.cu", "tests/layers/attic/test_late.cpp"]
)
def test_code_in_no_room_is_a_fault_of_the_package(name, install, tree, project):
    write_files(project, {name: MARK})
    with pytest.raises(AmcaffeError) as caught:
        install()
    assert f"lie in no room: {name}" in str(caught.value)
    assert "layers/margins" in caught.value.expected
    assert not (tree / ".amcaffe").exists()


def test_two_files_with_one_place_are_a_fault_of_the_package(install, tree, project):
    write_files(project, {"layers/fused/flip_layer.hpp": MARK})
    with pytest.raises(AmcaffeError) as caught:
        install()
    assert "layers/fused/flip_layer.hpp and layers/margins/flip_layer.hpp" in str(caught.value) or (
        "layers/margins/flip_layer.hpp and layers/fused/flip_layer.hpp" in str(caught.value)
    )
    assert not (tree / ".amcaffe").exists()


def test_a_source_without_its_mark_is_a_fault_of_the_package(install, tree, project):
    write_files(project, {"layers/margins/flip_layer.cu": "// not marked\n"})
    with pytest.raises(AmcaffeError, match="layers/margins/flip_layer.cu"):
        install()
    assert not (tree / ".amcaffe").exists()


def test_a_wheel_carries_every_room(wheel_files, monkeypatch):
    here = own_sources()
    monkeypatch.setattr(resources, "PACKAGE", wheel_files / "lib/amcaffe")
    assert own_sources() == here
