import sys

from amcaffe import cli
from amcaffe.plot import main

if __name__ == "__main__":
    sys.exit(cli.run("plot", main))
