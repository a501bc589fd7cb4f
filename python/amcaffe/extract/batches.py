"""Batches of images, read by threads ahead of the net."""

import collections
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from amcaffe.data.images import ImageError, thread_count
from amcaffe.nets.pixels import make_pixels, read_for

_AHEAD = 4  # batches read before the net asks for them


class Batches:
    """Iterate over (rows, images, problems, other size), in order.

    rows: range of indices of `paths`. images: (N, channels, height, width) float32 of those that
    can be used, or None. problems: {row: reason} of the others. other size: (path, height, width)
    of the first whose file is not of the size that it is made, or None.

    Args:
        paths: image files. start: index of the first to read. batch: images at a time, at most.
        net_input: NetInput with a size.
    """

    def __init__(self, paths, start, batch, net_input):
        self._paths, self._input = paths, net_input
        self._rows = [
            range(row, min(row + batch, len(paths))) for row in range(start, len(paths), batch)
        ]
        self._pool = ThreadPoolExecutor(thread_count())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self):
        waiting = collections.deque()
        for rows in self._rows:
            waiting.append((rows, [self._pool.submit(self._read, row) for row in rows]))
            if len(waiting) > _AHEAD:
                yield self._take(*waiting.popleft())
        while waiting:
            yield self._take(*waiting.popleft())

    def _read(self, row):
        """(float32 CHW, its file's height and width), or the reason why not."""
        try:
            image = read_for(self._paths[row], self._input)
            return make_pixels(image, self._input), image.shape[:2]
        except ImageError as error:
            return str(error)

    def _take(self, rows, futures):
        images, problems, other_size = [], {}, None
        for row, future in zip(rows, futures):
            result = future.result()
            if isinstance(result, str):
                problems[row] = result
                continue
            images.append(result[0])
            if self._input.crop is None and result[1] != self._input.resize and not other_size:
                other_size = (self._paths[row], *result[1])
        return rows, np.stack(images) if images else None, problems, other_size
