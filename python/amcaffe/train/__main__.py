import sys

from amcaffe import cli
from amcaffe.train import main

sys.exit(cli.run("train", main))
