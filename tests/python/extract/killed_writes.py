"""A program: extract again and again, killed before the first write, the second, and so on.

python killed_writes.py LIST OPTION ... writes OUT1, OUT2, ... in the current directory, each killed
once and then gone on with, over copies of the features OLD. Prints how many times it killed.
"""

import os
import shutil
import sys

from amcaffe.extract import extraction, main
from amcaffe.host.pycaffe import import_caffe

KILLED = 9
_CHANGES = ("os.rename", "os.remove", "os.truncate", "os.mkdir", "os.link")


def kill_before(number):
    """End this process before its change `number` of the file system, counted from 1."""
    left = [number]

    def hook(event, arguments):
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if event in _CHANGES or writes:
            left[0] -= 1
            if not left[0]:
                os._exit(KILLED)

    sys.addaudithook(hook)


def run(arguments, number=None):
    """Status of an extraction in a process of its own, killed before change `number`."""
    child = os.fork()
    if not child:
        status = 1
        try:
            if number:
                kill_before(number)
            status = main(arguments) or 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    import_caffe()
    extraction._SAVE_SECONDS = 0.0
    image_list, *options = sys.argv[1:]
    number = 1
    while True:
        out = f"out{number}"
        for suffix in ("npy", "txt", "json"):
            shutil.copyfile(f"old.{suffix}", f"{out}.{suffix}")
        status = run([image_list, out, *options], number)
        if status == 0:
            break
        if status != KILLED or run([image_list, out, *options]) != 0:
            sys.exit(f"{out}: status {status}")
        number += 1
    print(f"killed {number - 1} times")
