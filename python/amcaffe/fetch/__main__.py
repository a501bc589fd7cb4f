import sys

from amcaffe import cli
from amcaffe.fetch import main

if __name__ == "__main__":
    sys.exit(cli.run("fetch", main))
