import sys

from amcaffe import cli
from amcaffe.faces import main

if __name__ == "__main__":
    sys.exit(cli.run("faces", main))
