"""Lists that Caffe's ImageData would read otherwise than we do, given to it in its own form.

ImageData takes what stands before the last space of a line for a path, the rest for a number, and
lines that hold neither for images. The copies, and nets that name them, lie in the run's folder;
the user's files stay as they are.
"""

import sys
from pathlib import Path

from amcaffe.data.files import atomic_write
from amcaffe.data.lists import image_list_text

FOLDER = "for_caffe"  # in a run's folder


def own_form(source, images):
    """A list as ImageData reads it as we do, or None where it reads the list itself so.

    Args: source: for errors. images: data.lists.ImageList, with labels.
    """
    text = image_list_text(source, images.paths, images.labels)
    raw, own = images.raw.replace(b"\r\n", b"\n"), text.encode()
    return None if raw in (own, own[:-1]) else text


class ListCopies:
    """The copies that a run needs, in the folder for_caffe of `folder`, the run's."""

    def __init__(self, folder):
        self._folder = Path(folder) / FOLDER
        self._copies = {}  # (source, root_folder): copy
        self._taken = set()

    def add(self, data, images):
        """Copy the list of an ImageDataParameter, where ImageData needs it, and say so."""
        key = (data.source, data.root_folder)
        text = None if key in self._copies else own_form(data.source, images)
        if text is None:
            return
        self._copies[key] = self._write(data.source, text)
        print(
            f"amcaffe train: {data.source} is not in the form that Caffe's ImageData reads; it "
            f"gets {self._copies[key]}",
            file=sys.stderr,
        )

    def use_in(self, parameters, nets):
        """Change a SolverParameter: it names copies of nets that name copies of lists.

        Args: parameters: SolverParameter. nets: of solver_file.nets_of.
        """
        used = {}
        for path, net, _ in nets:
            if path not in used:
                used[path] = self._net(path, net)
        for field in ("net", "train_net"):
            path = getattr(parameters, field)
            if path in used:
                setattr(parameters, field, used[path])
        for number, path in enumerate(parameters.test_net):
            parameters.test_net[number] = used.get(path, path)

    def _net(self, path, net):
        """Name of the net's file that Caffe is to read."""
        from google.protobuf import text_format

        own = type(net)()
        own.CopyFrom(net)
        for layer in own.layer:
            if layer.type == "ImageData":
                data = layer.image_data_param
                copy = self._copies.get((data.source, data.root_folder))
                data.source = copy or data.source
        if own == net:
            return path
        first = f"# {path}, with lists in the form that ImageData reads\n"
        return self._write(path, first + text_format.MessageToString(own))

    def _write(self, original, text):
        """Write a copy under the name of the original, or one like it; returns its path."""
        name, number = Path(original).name, 2
        while name in self._taken:
            name, number = f"{number}_{Path(original).name}", number + 1
        self._taken.add(name)
        atomic_write(self._folder / name, text)
        return str(self._folder / name)
