"""`python -m amcaffe.install`."""

import sys

from amcaffe import cli
from amcaffe.install import main

if __name__ == "__main__":
    sys.exit(cli.run("install", main))
