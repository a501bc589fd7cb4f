# make demo    the main job on made-up faces: build/demo/report.html   (SEEDS=3, FACES=DIR)
# make test    every test of ours, and Caffe's own on the patched tree (EXTRAS="torch cuda")
# make setup   what both need: packages, environment, built Caffe      (CUDA=off)
# eval "$(make -s env)"   puts its python, caffe and $CAFFE_ROOT on this shell

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# pycaffe links Debian's Boost.Python, which is built for Debian's own Python.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
CUDA ?= auto
SEEDS ?= 1
FACES ?=
EXTRAS ?=

SETUP = PYTHONPATH=$(CURDIR)/python $(PYTHON) -m amcaffe.setup --cuda $(CUDA)
ENV = eval "$$($(SETUP) --env)"

.PHONY: setup env demo test clean

setup: bootstrap
	@$(SETUP)

env: bootstrap
	@$(SETUP) >&2
	@$(SETUP) --env

demo: setup
	@$(ENV); python -m amcaffe.demo --out build/demo --seeds $(SEEDS) $(if $(FACES),--faces '$(FACES)')

test: bootstrap
	@$(SETUP) --tests $(if $(EXTRAS),--extras $(EXTRAS))
	@$(ENV); python -m pytest
	@$(ENV); python tests/run_gtests.py

# Removes what this checkout made; the cache outside it stays.
clean:
	rm -rf build python/amcaffe/_core*.so

.PHONY: bootstrap
bootstrap:
	@command -v $(PYTHON) >/dev/null || { S=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$S apt-get update -q && $$S apt-get install -y -q python3; } >&2
