# make demo    the main job on made-up faces: build/demo/report.html   (SEEDS=3, FACES=DIR MIN_IMAGES=2, LOSSES="...")
# make test    every test of ours, and Caffe's own on the patched tree (EXTRAS="torch bundle")
# make bench   how fast, how much memory: build/bench/head.md        (EXTRAS=torch)
# make lint    the form of every file, within seconds              (make format mends it)
# make setup   what they need: packages, environment, built Caffe      (CUDA=pip|system|off, CUDA_ARCH=90)
# make test-gpu-build     a GPU build with CUDA of PyPI, as far as this machine runs it
# make test-cuda-emulation  the GPU half of our C++ tests on the CPU, kernels emulated
# make test-other-python  pycaffe in a Python that is not the system's
# eval "$(make -s env)"   puts its python, caffe and $CAFFE_ROOT on this shell

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Debian's own, whose headers and venv are among the packages that a set-up installs.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
CUDA ?= auto
CUDA_ARCH ?=
SEEDS ?= 1
FACES ?=
MIN_IMAGES ?=
LOSSES ?=
EXTRAS ?=

SETUP = PYTHONPATH=$(CURDIR)/python $(PYTHON) -m amcaffe.setup --cuda $(CUDA) \
	$(if $(CUDA_ARCH),--cuda-arch $(CUDA_ARCH))
ENV = eval "$$($(SETUP) --env)"

.PHONY: setup env demo lint format test bench test-gpu-build test-cuda-emulation \
	test-other-python clean

setup: bootstrap
	@$(SETUP)

env: bootstrap
	@$(SETUP) >&2
	@$(SETUP) --env

demo: setup
	@$(ENV); python -m amcaffe.demo --out build/demo --seeds $(SEEDS) $(if $(FACES),--faces '$(FACES)') \
		$(if $(MIN_IMAGES),--min-images $(MIN_IMAGES)) \
		$(if $(LOSSES),--losses $(LOSSES))

lint: bootstrap
	@$(SETUP) --lint
	@eval "$$($(SETUP) --lint --env)"; $(PYTHON) tests/lint.py

format: bootstrap
	@$(SETUP) --lint
	@eval "$$($(SETUP) --lint --env)"; $(PYTHON) tests/lint.py --mend

test: bootstrap
	@$(SETUP) --tests all $(if $(EXTRAS),--extras $(EXTRAS))
	@$(ENV); python -m pytest
	@$(ENV); python tests/run_gtests.py

bench: bootstrap
	@$(SETUP) $(if $(EXTRAS),--extras $(EXTRAS))
	@$(ENV); python benchmarks/head.py --out build/bench

test-gpu-build: CUDA = pip
test-gpu-build: CUDA_ARCH = 90
test-gpu-build: bootstrap
	@$(SETUP) --tests ours
	@$(ENV); python -m pytest tests/python/build/test_gpu_build.py tests/python/layers/test_cuda_compiles.py \
		tests/python/layers/test_cudnn_algorithms.py tests/python/build/test_cuda_kernels_link.py \
		tests/python/pycaffe
	@$(ENV); python tests/run_gtests.py

test-cuda-emulation: setup
	@$(ENV); python tests/cuda_emulation/run.py --no-sanitizer --orders forward "shuffled:1 deferred"

test-other-python: setup
	@$(ENV); python tests/run_other_python.py

# Removes what this checkout made; the cache outside it stays.
clean:
	rm -rf build python/amcaffe/_core*.so

.PHONY: bootstrap
bootstrap:
	@command -v $(PYTHON) >/dev/null || { S=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$S apt-get update -q && $$S apt-get install -y -q python3; } >&2
