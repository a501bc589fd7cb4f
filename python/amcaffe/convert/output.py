"""Bytes that are mostly ranges of an input, put together without copying those."""

_COPIED = 1 << 12  # a shorter range costs more as a range than as bytes


class Output:
    """Bytes to write, in order. size: of them all; changed: they are not the input's own.

    Args: data: a memoryview of the input's bytes.
    """

    def __init__(self, data):
        self._data, self._parts = data, []
        self._start = self._end = -1  # the range that was last appended
        self.size, self.changed = 0, False

    def copy(self, start, end):
        """Append data[start:end]."""
        if start != self._end:
            self._flush()
            self._start = start
        self._end = end
        self.size += end - start

    def add(self, content):
        """Append bytes that the input lacks."""
        self._flush()
        self._append(content)
        self.size += len(content)
        self.changed = True

    def extend(self, other):
        """Append another Output of the same input, which is not to be used any more."""
        self._flush()
        other._flush()
        for part in other._parts:
            if isinstance(part, bytearray):
                self._append(part)
            else:
                self._parts.append(part)
        self.size += other.size
        self.changed = True

    def blocks(self, most=1 << 23):
        """Yields: the bytes, at most `most` at a time."""
        self._flush()
        for part in self._parts:
            piece = memoryview(part) if isinstance(part, bytearray) else self._data[slice(*part)]
            for at in range(0, len(piece), most):
                yield piece[at : at + most]

    def _flush(self):
        start, end = self._start, self._end
        self._start = self._end = -1
        if end - start >= _COPIED:
            self._parts.append((start, end))
        elif end > start:
            self._append(self._data[start:end])

    def _append(self, content):
        if not (self._parts and isinstance(self._parts[-1], bytearray)):
            self._parts.append(bytearray())
        self._parts[-1] += content
