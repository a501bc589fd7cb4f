import sys

from amcaffe import cli
from amcaffe.evaluate import main

if __name__ == "__main__":
    sys.exit(cli.run("evaluate", main))
