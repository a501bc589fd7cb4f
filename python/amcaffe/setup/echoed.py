"""Commands that are shown before they run."""

import shlex
import subprocess
import sys

from amcaffe.errors import StepError


def run(command, quiet=False, **options):
    """Run a command; quiet: show its output only where it fails. Raises StepError."""
    text = shlex.join(map(str, command))
    print(f"$ {text}", flush=True)
    output = {"capture_output": True, "text": True} if quiet else {}
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, **output, **options)
    if done.returncode:
        if quiet:
            print(done.stdout + done.stderr, file=sys.stderr)
        raise StepError(
            f"this command failed with status {done.returncode}: {text}", done.returncode
        )
