import sys

from amcaffe import cli
from amcaffe.doctor import main

if __name__ == "__main__":
    sys.exit(cli.run("doctor", main))
