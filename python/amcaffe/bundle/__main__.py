import sys

from amcaffe import cli
from amcaffe.bundle import main

if __name__ == "__main__":
    sys.exit(cli.run("bundle", main))
