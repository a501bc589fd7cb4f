"""A Caffe tree and a package of layers made of small stand-ins, and how to look at trees."""

import os
from pathlib import Path

PROTO = """\
syntax = "proto2";

package caffe;

/* A comment with a brace { and the words message LayerParameter { */
message FillerParameter {
  optional string type = 1 [default = 'const}ant'];
}

// LayerParameter next available layer-specific ID: 149 (last added: clip_param)
message LayerParameter {
  optional string name = 1; // the layer's name, one of {0, 1, ..., C-1}
  optional string type = 2;
  optional FillerParameter mil_param = 0x004d4944; //"MID"
  optional InnerProductParameter inner_product_param = 117;
}

message InnerProductParameter {
  optional uint32 num_output = 1;
  optional bool transpose = 6 [default = false];
}

// Deprecated.
message V1LayerParameter {
  enum LayerType {
    NONE = 0;
  }
  optional InnerProductParameter inner_product_param = 17;
}
"""

INNER_PRODUCT = """\
#include <vector>

#include "caffe/layers/inner_product_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {{

template <typename Dtype>
void InnerProductLayer<Dtype>::Forward_{device}(const vector<Blob<Dtype>*>& bottom,
    const vector<Blob<Dtype>*>& top) {{
  const Dtype* weight = this->blobs_[0]->{device}_data();
  caffe_{device}_gemm<Dtype>(transpose_, M_, N_, K_, weight);
}}
"""

SCALE = """\
#include "caffe/layers/scale_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {{

template <typename Dtype>
void ScaleLayer<Dtype>::Forward_{device}(
    const vector<Blob<Dtype>*>& bottom, const vector<Blob<Dtype>*>& top) {{
  const Dtype* scale_data =
      ((bottom.size() > 1) ? bottom[1] : this->blobs_[0].get())->{device}_data();
}}
"""

HOST = {
    "CMakeLists.txt": "cmake_minimum_required(VERSION 2.8.7)\nproject(Caffe C CXX)\n",
    "include/caffe/common.hpp": "",
    "include/caffe/filler.hpp": "",
    "include/caffe/layer.hpp": "// class Layer {\ntemplate <typename Dtype>\nclass Layer {\n};\n",
    "include/caffe/layer_factory.hpp": "#define REGISTER_LAYER_CLASS(type)  \\\n  type\n",
    "src/caffe/layers/inner_product_layer.cpp": INNER_PRODUCT.format(device="cpu"),
    "src/caffe/layers/inner_product_layer.cu": INNER_PRODUCT.format(device="gpu"),
    "src/caffe/proto/caffe.proto": PROTO,
    "src/caffe/util/io.cpp": (
        "// na\u00efve\n"
        "  coded_input->SetTotalBytesLimit(kProtoReadBytesLimit, 536870912);\n"
        "  int a = (is_color ? CV_LOAD_IMAGE_COLOR :\n    CV_LOAD_IMAGE_GRAYSCALE);\n"
        "  use(a);\n"
        "  int a = (is_color ? CV_LOAD_IMAGE_COLOR :\n    CV_LOAD_IMAGE_GRAYSCALE);\n"
        "  return a;\n"
    ),
    "python/caffe/io.py": "datum.data = arr.tostring()",
}

ADDITION = """\
syntax = "proto2";

package caffe;

message LayerParameter {
  optional FlipParameter flip_param = 212;
  // Of the head.
  optional MarginParameter margin_param = 4001;
}

message InnerProductParameter {
  optional bool normalize = 7 [default = false];
}

// Message that stores parameters used by FlipLayer
message FlipParameter {
  optional bool flip_width = 1 [default = true]; // mirror left and right
}

message MarginParameter {
  enum Bound { CLAMP = 0; MONOTONE = 1; }
  optional Bound bound = 1 [default = CLAMP];
}
"""

MARK = "// installed by amcaffe\n"
FLIP = "layers/margins/flip_layer.cpp"
PROJECT = {
    "layers/margins/flip_layer.hpp": MARK + '#include "caffe/filler.hpp"\n',
    FLIP: (
        MARK + '#include "caffe/layers/flip_layer.hpp"\n'
        '#include "caffe/proto/caffe.pb.h"\nREGISTER_LAYER_CLASS(Flip);\n'
    ),
    "layers/margins/flip_layer.cu": MARK,
    "layers/margins/normalize_rows.hpp": MARK,
    "layers/margins/normalize_rows.cpp": MARK + '#include "caffe/layers/normalize_rows.hpp"\n',
    "layers/README.md": "stays here\n",
    "tests/layers/margins/test_flip_layer.cpp": MARK + '#include "caffe/test/reference.hpp"\n',
    "tests/layers/reference.hpp": MARK,
    "cmake/amcaffe_cuda.cmake": "# installed by amcaffe\n",
    "cmake/debian-packages.txt": "stays here\n",
    "proto/toadd.proto": ADDITION,
}
FLIP_2 = {FLIP: MARK + "REGISTER_LAYER_CLASS(Flip); // 2\n"}  # as a later version might have it
TARGETS = {
    "include/caffe/layers/flip_layer.hpp",
    "src/caffe/layers/flip_layer.cpp",
    "src/caffe/layers/flip_layer.cu",
    "include/caffe/layers/normalize_rows.hpp",
    "src/caffe/layers/normalize_rows.cpp",
    "src/caffe/test/test_flip_layer.cpp",
    "include/caffe/test/reference.hpp",
    "cmake/amcaffe_cuda.cmake",
}


def write_files(root, files, newline="\n"):
    for name, text in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.replace("\n", newline).encode("utf-8"))


def snapshot(root):
    """{relative path: (contents, permission bits)}, and None for each folder."""
    found = {}
    for folder, _, names in os.walk(root):
        found[os.path.relpath(folder, root)] = None
        for name in names:
            path = Path(folder) / name
            found[os.path.relpath(path, root)] = (path.read_bytes(), path.stat().st_mode & 0o7777)
    return found


def owners(root):
    """{path: (user id, group id)} of the root and everything below it."""
    paths = [Path(root), *Path(root).rglob("*")]
    return {str(path): (path.stat().st_uid, path.stat().st_gid) for path in paths}


def mtimes(root):
    return {str(path): path.stat().st_mtime_ns for path in Path(root).rglob("*")}


def edit(path, old, new):
    """Change one place of a file."""
    text = path.read_bytes().decode("utf-8")
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode("utf-8"))
