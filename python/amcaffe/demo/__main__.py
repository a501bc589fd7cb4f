import sys

from amcaffe import cli
from amcaffe.demo import main

if __name__ == "__main__":
    sys.exit(cli.run("demo", main))
