import sys

from amcaffe import cli
from amcaffe.prototxt import main

sys.exit(cli.run("prototxt", main))
