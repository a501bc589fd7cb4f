import sys

from amcaffe import cli
from amcaffe.extract import main

sys.exit(cli.run("extract", main))
