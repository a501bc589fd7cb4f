"""Options that we add to layers of the host: marked lines in its own source, beside its code."""

import re
from dataclasses import dataclass
from typing import Callable, Optional

from amcaffe.host.tree import without_comments
from amcaffe.install.edits import BEGIN, END, Span


@dataclass(frozen=True)
class HostLayer:
    """An option of a host's layer: the fields of a message, and the code that honours them.

    name: the edit's name; what: the option in words.
    type, message: the layer's type and its parameter; toadd.proto has the option's fields.
    header: the header of ours that the lines need.
    test: the gtests of ours about it.
    own: what a layer has that reads such fields itself (a regular expression).
    members: what of the layer's class the lines use.
    lines: (device, comment-free code) -> the lines, to go at the start of Forward_<device>.
    instead: what to use in a tree that cannot take it.
    """

    name: str
    what: str
    type: str
    message: str
    header: str
    test: str
    own: str
    members: tuple[str, ...]
    lines: Callable[[str, str], str]
    instead: Optional[str] = None

    @property
    def stem(self):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.type).lower() + "_layer"

    @property
    def files(self):
        """(CPU source, GPU source) in a tree."""
        return tuple(f"src/caffe/layers/{self.stem}.{suffix}" for suffix in ("cpp", "cu"))


def _unit_rows(device, code):
    transposed = "transpose_" if "transpose_" in code else "false"
    return (
        "  if (this->layer_param_.inner_product_param().normalize()) {\n"
        f"    caffe_{device}_normalize_rows<Dtype>(N_, K_, {transposed},\n"
        f"        this->blobs_[0]->mutable_{device}_data());\n"
        "  }\n"
    )


def _bounds(device, code):
    return (
        f"  caffe_{device}_bound_scale<Dtype>(this->layer_param_.scale_param(),\n"
        "      (bottom.size() > 1) ? bottom[1] : this->blobs_[0].get());\n"
    )


HOST_LAYERS = (
    HostLayer(
        name="inner product with unit rows",
        what="InnerProduct's normalize",
        type="InnerProduct",
        message="InnerProductParameter",
        header="include/caffe/layers/normalize_rows.hpp",
        test="test_inner_product_normalize.cpp",
        own=r"\.normalize\(\)",
        members=("N_", "K_", "blobs_[0]"),
        lines=_unit_rows,
        instead="NormalizedInnerProduct has unit weights in every tree",
    ),
    HostLayer(
        name="scale within bounds",
        what="Scale's min_value and max_value",
        type="Scale",
        message="ScaleParameter",
        header="include/caffe/layers/scale_bounds.hpp",
        test="test_scale_bounds.cpp",
        own=r"\b(?:has_)?m(?:in|ax)_value\(\)",
        members=("blobs_[0]",),
        lines=_bounds,
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What becomes of a host layer's option: its spans, or why there are none.

    alone: the host has it already.
    """

    spans: dict[str, list[Span]]
    why: str = ""
    alone: bool = False


def fit(layer, texts, places, ours, theirs):
    """How an option goes into a tree's layer.

    Args:
        layer: HostLayer.
        texts: (CPU source, GPU source) without our edits, None for no file.
        places: [Place] of the registrations of its type.
        ours, theirs: its message in toadd.proto and in the tree (None where there is none).
    Returns: Outcome.
    """
    cpu, gpu = layer.files
    if texts[0] is None or theirs is None:
        lacking = cpu if texts[0] is None else f"message {layer.message}"
        return Outcome({}, f"the tree has no {lacking}")
    for path, text in zip(layer.files, texts):
        if text and re.search(layer.own, without_comments(text)):
            return Outcome({}, f"{path} reads it itself", alone=True)
    for name, field in ours.fields.items():
        there = theirs.fields.get(name)
        if there and there.meaning != field.meaning:
            return Outcome({}, f"{layer.message}.{name} is `{' '.join(there.meaning)}` there")
    makers = [place for place in places if place.creator]
    if makers:
        return Outcome({}, f"{makers[0].path}:{makers[0].line} makes one of several classes")
    spans = {}
    for path, text, device in zip(layer.files, texts, ("cpu", "gpu")):
        if text is not None:
            found, lacking = _spans(layer, text, device)
            if lacking:
                return Outcome({}, f"{path} is not written as BVLC's: no {', no '.join(lacking)}")
            spans[path] = found
    return Outcome(spans)


def _spans(layer, text, device):
    """([Span], [what is not there])."""
    code = without_comments(text)
    include = re.search(r"#include \"caffe/util/math_functions\.hpp\"[^\n]*\n", code)
    method = rf"{layer.type}Layer<Dtype>::Forward_{device}"
    forward = re.search(rf"void\s+{method}\([^)]*\)\s*\{{[^\n]*\n", code)
    lacking = [name for name in layer.members if name not in code]
    if not include:
        lacking.append('#include "caffe/util/math_functions.hpp"')
    if not forward:
        lacking.append(f"{method}(...) {{")
    if lacking:
        return [], lacking
    own_header = layer.header.partition("/")[2]
    block = f"  {BEGIN}: {layer.name}\n{layer.lines(device, code)}  {END}\n"
    return [
        Span(layer.name, include.end(), include.end(), f'#include "{own_header}"  // amcaffe\n'),
        Span(layer.name, forward.end(), forward.end(), block),
    ], []
