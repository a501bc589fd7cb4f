"""What converting layers takes beyond field numbers: their types, and the count of a margin."""

import re
import struct

from amcaffe import wire
from amcaffe.convert.meaning import foreign
from amcaffe.convert.modelfile import shown
from amcaffe.convert.transcode import Transcoder
from amcaffe.tree import CaffeTree, without_comments

LAYER = "LayerParameter"
ANNEALED = "LabelSpecificAdd"
_SOURCES = ("src/caffe/**/*.cpp", "src/caffe/**/*.cu", "include/caffe/**/*.hpp")
_REGISTER = re.compile(r"\bREGISTER_LAYER_(?:CLASS|CREATOR)\w*\s*\(\s*(\w+)\s*[,)]")


class LayerTranscoder(Transcoder):
    """A Transcoder that knows what a layer's type means.

    Args:
        types: {layer type: the target's name for it}.
        iteration: count to give annealed layers that have none; None: their own first one.
        registered: the layer types that the target has; None: not known.
    Attributes:
        notes: lines on what was added or will not load.
    """

    def __init__(self, data, source, target, types=None, iteration=None, registered=None):
        super().__init__(data, source, target)
        self._types, self._iteration, self._registered = types or {}, iteration, registered
        self._names = {f"{_snake(a)}_param": f"{_snake(b)}_param" for a, b in self._types.items()}
        self._seen, self.notes = set(), []

    def name(self, source, field):
        renamed = self._names.get(field.name) if source.name == LAYER else None
        if renamed and renamed in self.target.messages[LAYER].by_name:
            return renamed
        return field.name

    def text(self, source, field, value):
        if (source.name, field.name) == (LAYER, "type"):
            new = self._types.get(bytes(value).decode("latin-1"))
            return value if new is None else new.encode("latin-1")
        return value

    def finish(self, source, start, end, out):
        if source.name != LAYER:
            return
        field = self._last(LAYER, "type", start, end)
        if field is None:
            return
        old = bytes(self.data[field.value : field.end]).decode("latin-1")
        new = self._types.get(old, old)
        if old not in self._seen:
            self._seen.add(old)
            self._judge(source, old, new)
        if new == ANNEALED:
            self._annealed(start, end, out)

    def _judge(self, source, old, new):
        """Note what the target makes of a layer type, where that is not the same."""
        if self._registered is not None and new not in self._registered:
            self.notes.append(
                f"{self.where()} is of type {shown(new.encode('latin-1'))}, which "
                f"{self.target.origin} does not register"
            )
        ours, theirs = f"{old}Parameter", f"{new}Parameter"
        if ours in self.source.messages and theirs in self.target.messages:
            reason = foreign(self.source, ours, self.target, theirs)
            if reason:
                reason += f"; --rename {old}=TYPE if the target has the layer under another type"
                self.problem(source, f"type {old}", reason)

    def _annealed(self, start, end, out):
        """Give an annealed margin the count of iterations that this package's layer keeps."""
        parameter = "LabelSpecificAddParameter"
        ours = self.target.messages.get(parameter)
        field = self._last(LAYER, "label_specific_add_param", start, end)
        if field is None or self._last(
            parameter, "bias_base", field.value, field.end, wire.FIXED32
        ) is None:
            return
        has_count = self._last(LAYER, "blobs", start, end) is not None
        if ours is None or "unconditional" not in ours.by_name:  # a field of this package's alone
            if has_count:
                self.notes.append(
                    f"{self.where()} keeps its count in a blob, for which {self.target.origin} "
                    "has no use: Caffe loads it there if the net's layer has another name"
                )
            return
        if has_count:
            return
        iteration, source = self._iteration, "--iteration"
        if iteration is None:
            first = self._last(parameter, "iteration", field.value, field.end, wire.VARINT)
            iteration = wire.read_varint(self.data, first.value, first.end)[0] if first else 0
            source = "its own `iteration`, where it would start again; --iteration N says another"
        out.add(self._count_blob(iteration))
        self.notes.append(f"{self.where()} got a count of iterations: {iteration}, from {source}")

    def _count_blob(self, iteration):
        blob, shape = self.target.messages["BlobProto"], self.target.messages["BlobShape"]
        dims = wire.packed(shape.by_name["dim"].number, wire.varint(1))
        content = wire.packed(blob.by_name["shape"].number, dims)
        content += wire.packed(blob.by_name["data"].number, struct.pack("<f", iteration))
        return wire.packed(self.target.messages[LAYER].by_name["blobs"].number, content)

    def _last(self, message, name, start, end, wire_type=wire.LENGTH):
        """The last Field of a name in a source message, or None."""
        known = self.source.messages[message].by_name.get(name)
        return known and wire.last(self.data, start, end, known.number, wire_type)


def registered_types(root):
    """The layer types that a Caffe tree's sources register."""
    tree, found = CaffeTree(root), set()
    for path in tree.glob(*_SOURCES):
        found.update(_REGISTER.findall(without_comments(tree.peek(path))))
    return found


def _snake(name):
    """A layer type as it is in its parameter's name: InnerProduct is inner_product."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
