import sys

from amcaffe import cli
from amcaffe.build import main

sys.exit(cli.run("build", main))
