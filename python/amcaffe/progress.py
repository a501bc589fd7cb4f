"""A progress bar on a terminal; elsewhere a plain line now and then."""

import sys
import time

from tqdm import tqdm

LINE_SECONDS = 15.0


class Progress:
    """Use as a context manager; `update(n, **values)` shows values such as loss=1.2.

    what: first word of the bar. total, initial: counts of `unit`.
    """

    def __init__(self, what, total, unit, initial=0):
        self._what, self._total, self._unit, self._done = what, total, unit, initial
        self._bar = tqdm(
            desc=what, total=total, unit=unit, initial=initial, disable=None, dynamic_ncols=True
        )
        self._last_line = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._bar.close()

    def update(self, n, **values):
        self._done += n
        shown = {name: v if isinstance(v, str) else f"{v:.4g}" for name, v in values.items()}
        if not self._bar.disable:
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(n)
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            parts = [f"{self._done}/{self._total} {self._unit}"]
            parts += [f"{name} {value}" for name, value in shown.items()]
            print(f"{self._what}: {', '.join(parts)}", file=sys.stderr, flush=True)

    def say(self, line):
        """Print a line above the bar."""
        tqdm.write(line, file=sys.stderr)
        sys.stderr.flush()
