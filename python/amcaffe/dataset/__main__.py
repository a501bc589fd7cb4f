import sys

from amcaffe import cli
from amcaffe.dataset import main

if __name__ == "__main__":
    sys.exit(cli.run("dataset", main))
