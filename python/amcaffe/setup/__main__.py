import sys

from amcaffe import cli
from amcaffe.setup import main

if __name__ == "__main__":
    sys.exit(cli.run("setup", main))
