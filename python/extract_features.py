#!/usr/bin/env python3
"""Features of a list of images: python python/extract_features.py LIST OUT --net N --weights W"""

import sys

from amcaffe import cli
from amcaffe.extract import main

if __name__ == "__main__":
    sys.exit(cli.run("extract", main))
