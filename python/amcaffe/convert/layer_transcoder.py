"""What converting layers takes beyond field numbers: their types, and the count of a margin."""

from amcaffe.convert import wire
from amcaffe.convert.annealing import (
    annealed,
    first_count,
    history_length,
    keeps_count,
    one_number,
)
from amcaffe.convert.meaning import foreign
from amcaffe.convert.modelfile import STATE, shown
from amcaffe.convert.raw import write_plainly
from amcaffe.convert.transcode import MAX_PROBLEMS, Transcoder
from amcaffe.host.tree_layers import snake

LAYER, BLOB = "LayerParameter", "BlobProto"


class LayerTranscoder(Transcoder):
    """A Transcoder that knows what a layer's type means.

    Args:
        types: {layer type: the target's name for it}.
        iteration: count to give annealed layers that have none; None: their own first one.
        history: numbers of the history blobs before which one for such a count is to be added.
        registered: the layer types that the target has; None: not known.
    """

    def __init__(
        self, data, source, target, types=None, iteration=None, history=(), registered=None
    ):
        super().__init__(data, source, target)
        self._types, self._iteration, self._registered = types or {}, iteration, registered
        self._history = frozenset(history)
        self._names = {f"{snake(a)}_param": f"{snake(b)}_param" for a, b in self._types.items()}
        self._seen, self._counted, self._plain, self._notes = set(), False, 0, []

    @property
    def notes(self):
        """Lines on what was added, what will not load, and what was asked for in vain."""
        notes = list(self._notes)
        if self._plain:
            notes.append(f"{self._plain} of NVIDIA's raw blobs became what every Caffe reads")
        for old, new in self._types.items():
            found = f"layers of type {old} became {new}"
            notes.append(found if old in self._seen else f"no layer is of type {old}")
        if self._iteration is not None and not self._counted:
            notes.append("no layer took --iteration: none is annealed and lacks its count")
        return notes

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

    def otherwise(self, out, source, here, field):
        if source.name != BLOB or not here.name.startswith("raw_"):
            return False
        if here.name.endswith("_type"):
            return True  # of bytes that are written with the type's own field
        beside = f"{here.name}_type"
        blob = self._path[-1]
        value = self.source.last(self.data, BLOB, beside, blob.start, blob.end, wire.VARINT)
        number = value and wire.read_varint(self.data, value.value, value.end)[0]
        names = self.source.enums.get(source.by_name[beside].type, {}) if value else {}
        kind = next((name for name, one in names.items() if one == number), None)
        done = write_plainly(out, self.data, field, here.name, kind, self.target.messages[BLOB])
        self._plain += done
        return done

    def before(self, out, source, here, index):
        if (source.name, here.name) == (STATE, "history"):
            self._add_history(out, index)

    def finish(self, source, start, end, out):
        if source.name == STATE:
            self._add_history(out, history_length(self.data, self.source))
        if source.name != LAYER:
            return
        field = self.source.last(self.data, LAYER, "type", start, end)
        if field is None:
            return
        old = bytes(self.data[field.value : field.end]).decode("latin-1")
        new = self._types.get(old, old)
        if old not in self._seen:
            self._seen.add(old)
            self._judge(source, old, new)
        found = annealed(self.data, self.source, start, end)
        if found is not None:
            self._count(*found, start, end, new, out)

    def _judge(self, source, old, new):
        """Note what the target makes of a layer type, where that is not the same."""
        if self._registered is not None and new not in self._registered:
            self._note(
                f"is of type {shown(new.encode('latin-1'))}, which {self.target.origin} does not "
                "register"
            )
        ours, theirs = f"{old}Parameter", f"{new}Parameter"
        if ours in self.source.messages and theirs in self.target.messages:
            reason = foreign(self.source, ours, self.target, theirs)
            if reason:
                reason += f"; --rename {old}=TYPE if the target has the layer under another type"
                self.problem(source, f"type {shown(old.encode('latin-1'))}", reason)

    def _count(self, kind, parameter, start, end, type_name, out):
        """See to the count of a layer of an Annealed kind. parameter: its own, a Field."""
        number = self.source.messages[LAYER].by_name["blobs"].number
        blobs = sum(one.number == number for one in wire.fields(self.data, start, end))
        wanted = keeps_count(self.target, kind, type_name)
        if blobs > kind.blob and not wanted:
            self._note(
                f"keeps its count in a blob, for which {self.target.origin} has no use: Caffe "
                "loads the file there if the net's layer has another name"
            )
        if wanted and blobs == kind.blob:
            iteration, whose = self._iteration, "--iteration"
            if iteration is None:
                iteration = first_count(self.data, self.source, kind, parameter)
                whose = "its parameter; --iteration N says where to go on instead"
            self._counted = True
            number = self.target.messages[LAYER].by_name["blobs"].number
            out.add(one_number(self.target, number, iteration))
            self._note(f"got a count of iterations: {iteration}, from {whose}")

    def _add_history(self, out, index):
        if index in self._history:
            number = self.target.messages[STATE].by_name["history"].number
            out.add(one_number(self.target, number, 0))
            self._notes.append(f"history {index} was added, of an annealed margin's count")

    def _note(self, line):
        if len(self._notes) < MAX_PROBLEMS:
            self._notes.append(f"{self.where()} {line}")
