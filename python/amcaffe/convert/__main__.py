import sys

from amcaffe import cli
from amcaffe.convert import main

if __name__ == "__main__":
    sys.exit(cli.run("convert", main))
