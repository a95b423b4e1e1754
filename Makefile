# `make demo` and `make test` each work alone on a fresh Debian or Ubuntu machine with the Swift toolchain.
#
#   LIBTORCH=<dir>   build against another LibTorch (a folder with include/ and lib/) instead of the system's libtorch-dev
#   PYTHON=python3   the interpreter from which the virtual environment of the test twins is made

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
# So that the last line of a log is the last that was said.
LINE_BY_LINE := stdbuf -oL
SCRATCH := $(if $(LIBTORCH),.build-libtorch,.build)
SWIFT_BUILD := swift build -c release --scratch-path $(SCRATCH)
PROGRAM := $(SCRATCH)/release/smoothness
export LIBTORCH
# Threads that wait for one another sleep instead of spinning: tests share the processor (see letThreadsSleep in Sources/Torch).
export GOMP_SPINCOUNT ?= 1000

# Debian's packages that the program is built with and runs on; LibTorch only where none was given.
BUILD_PACKAGES := libhdf5-dev libssl-dev libopenblas-dev libjpeg-dev libpng-dev zlib1g-dev pkg-config gnuplot-nox fonts-dejavu-core $(if $(LIBTORCH),,libtorch-dev)
# What only the tests need.
TEST_PACKAGES := python3-venv python3-pip chromium slurm-wlm munge parallel libxml2-utils shellcheck

.PHONY: help demo build test test-pytorch test-avx2 test-long fuzz sanitize bench compare docs dependencies test-dependencies python clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# Installs what is missing and nothing else; asks for root only if something is.
define install
	missing=""; for package in $(1); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -q; \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -q --no-install-recommends $$missing; \
	fi
endef

dependencies: ## Install the libraries that the program needs
	@command -v swift >/dev/null || { echo "the Swift toolchain (6.2 or later) is missing: https://swift.org/install"; exit 1; }
	@$(call install,$(BUILD_PACKAGES))

test-dependencies: dependencies
	@$(call install,$(TEST_PACKAGES))

build: dependencies ## Build the program
	$(SWIFT_BUILD) --product smoothness-torch
	$(SWIFT_BUILD) --product smoothness

# An LSTM language model on your own text (DATA=file, one sentence a line, raw) or on the generated one.
DATA ?=
DEMO_TEXT := $(if $(DATA),--data $(DATA) --tokens words --vocabulary 5000)

demo: build ## Train, estimate, fit and plot: demo/ holds the results
	mkdir -p demo
	$(PROGRAM) train $(DEMO_TEXT) --layers 2 --hidden 128 --embedding 128 --tied \
	  --learning-rate 20 --clip-norm 0.25 --iterations 200 --save every=5 --output demo/run.h5
	$(PROGRAM) estimate demo/run.h5 --subset 0.1 --delta 0.2 > demo/estimates.txt
	$(PROGRAM) fit demo/run.h5 | tee demo/fit.txt
	$(PROGRAM) plot demo/run.h5 $(foreach kind,svg png pdf csv vl.json,--output demo/scatter.$(kind))
	@echo
	@echo "Look at $(CURDIR)/demo/scatter.svg (or .png, .pdf); the numbers are in demo/fit.txt and demo/scatter.csv."

# The twins: independent implementations in NumPy, SciPy, statsmodels, h5py, TensorBoard and PyTorch; what the bridge works with: transformers,
# Lightning and JAX; and what batches are given to. The CPU build of PyTorch where the package index has it under that name, otherwise the plain one.
$(VENV)/.ready: Makefile | test-dependencies
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet numpy scipy statsmodels h5py pillow tensorboard safetensors snakemake submitit html5lib markdown-it-py
	$(VENV)/bin/pip install --quiet 'torch==2.13.0+cpu' 2>/dev/null || $(VENV)/bin/pip install --quiet 'torch>=2.6'
	$(VENV)/bin/pip install --quiet transformers accelerate lightning jax
	touch $@

python: $(VENV)/.ready ## Make the virtual environment of the test twins

# Runs tests that are built, and counts at the end what was skipped. The status is that of the tests.
define run_tests
	log="$$(mktemp)"; status=0; \
	$(1) SMOOTHNESS_PYTHON=$(CURDIR)/$(VENV)/bin/python \
	  $(LINE_BY_LINE) swift test -c release --scratch-path $(SCRATCH) --skip-build $(2) 2>&1 | tee "$$log" || status=$$?; \
	awk -f Tests/skipped.awk "$$log"; rm -f "$$log"; exit $$status
endef

test: test-dependencies python ## Build and run every test, and count what was skipped
	$(SWIFT_BUILD) --build-tests
	$(call run_tests,,$(TEST_OPTIONS))

# What does not compute with LibTorch need not be tested again; of the commands, those that lean on it most.
NOT_OF_TORCH := ^(Essentials|Interprocess|ParameterSpace|HDF5|RunFiles|Archives|Fitting|Analysis|Reporting|Batching)Tests
COMMANDS_OF_TORCH := Pipeline|TrainCommand|TorchScript|ThreeWays|LanguageGradient|LanguageModel|ImageClassifier|ResumeTests
test-pytorch: python ## The same against the LibTorch inside PyTorch
	$(MAKE) test TEST_OPTIONS="--skip '$(NOT_OF_TORCH)' --skip '^CommandLineTests[.](?!$(COMMANDS_OF_TORCH))'" LIBTORCH="$$($(VENV)/bin/python -c 'import os, torch; print(os.path.dirname(torch.__file__))')"

# Networks on the kernels that oneDNN has for processors with AVX2 and without AVX-512: the first variable is the newer oneDNN's, the second that of
# Debian's LibTorch. INSTRUCTIONS=SSE41 or AVX512_CORE tests others.
INSTRUCTIONS ?= AVX2
NETWORKS := ^(TorchTests|ModelsTests|CommandLineTests)[.].*(Network|Image|Vision|BatchNormalization|Perceptron|Transformer|TorchScript|LanguageModel)
test-avx2: test-dependencies python ## Run the tests of networks on the kernels of processors with AVX2 only
	$(SWIFT_BUILD) --build-tests
	$(call run_tests,ONEDNN_MAX_CPU_ISA=$(INSTRUCTIONS) DNNL_MAX_CPU_ISA=$(INSTRUCTIONS),--filter '$(NETWORKS)')

# Needs the clang of the Swift toolchain on the search path; builds beside the program's own build.
sanitize: dependencies ## Run what is C and C++ under AddressSanitizer and UndefinedBehaviorSanitizer
	$(MAKE) --no-print-directory -C Tests/Sanitize -j"$$(nproc)"

# Both need a quiet machine and some minutes; see docs/benchmarks.md.
bench: python ## Measure speed against PyTorch and the cost of saving iterates
	library="$$($(VENV)/bin/python -c 'import os, torch; print(os.path.dirname(torch.__file__))')"; \
	LIBTORCH="$$library" swift build -c release --scratch-path .build-libtorch --product smoothness-torch; \
	LIBTORCH="$$library" swift build -c release --scratch-path .build-libtorch --product gradient-benchmark; \
	LIBTORCH="$$library" swift build -c release --scratch-path .build-libtorch --product smoothness
	env -u GOMP_SPINCOUNT $(VENV)/bin/python Tests/Benchmarks/gradient_speed.py .build-libtorch/release/gradient-benchmark --require 1.0
	env -u GOMP_SPINCOUNT $(VENV)/bin/python Tests/Benchmarks/gradient_speed.py .build-libtorch/release/gradient-benchmark --network resnet --require 1.0
	env -u GOMP_SPINCOUNT $(VENV)/bin/python Tests/Benchmarks/gradient_speed.py .build-libtorch/release/gradient-benchmark --network gpt --require 1.0
	for network in 'lstm --require 1.5' 'lstm --tuned --require 1.15' 'resnet --require 1.3' 'mlp --require 5'; do \
	  env -u GOMP_SPINCOUNT $(VENV)/bin/python Tests/Benchmarks/estimate_speed.py .build-libtorch/release/smoothness --network $$network; \
	done
	$(VENV)/bin/python Tests/Benchmarks/saving_cost.py .build-libtorch/release/smoothness --require 0.1
	$(VENV)/bin/python Tests/Benchmarks/oracle_overhead.py .build-libtorch/release/smoothness --require 0.03
	$(VENV)/bin/python Tests/Benchmarks/oracle_overhead.py .build-libtorch/release/smoothness --size small --require-milliseconds 0.3

test-long: test-dependencies python ## Also the tests that take long: 200 kills of each command
	$(SWIFT_BUILD) --build-tests
	$(call run_tests,SMOOTHNESS_LONG_TESTS=1,)

# About an hour on two processors. FUZZ_OPTIONS="--only NUMBER" repeats one; see Tests/Fuzz/fuzz.py.
MUTANTS ?= 100000
FUZZ_SEED ?= 1
fuzz: test-dependencies python ## Give changed files and absurd options to every command (MUTANTS=100000 FUZZ_SEED=1)
	$(SWIFT_BUILD) --product smoothness-torch
	$(SWIFT_BUILD) --product smoothness
	$(VENV)/bin/python Tests/Fuzz/fuzz.py $(PROGRAM) --mutants $(MUTANTS) --seed $(FUZZ_SEED) --keep $(SCRATCH)/fuzz $(FUZZ_OPTIONS)

# OLD and NEW are programs, or results of `compare.py numbers` (.json); see docs/contributing.md.
OLD ?= $(SCRATCH)/numbers.json
NEW ?= $(PROGRAM)
compare: python ## Compare the numbers of some twenty runs between two programs (OLD= NEW=)
	$(VENV)/bin/python Tests/Comparison/compare.py compare $(OLD) $(NEW)

docs: ## Draw the picture of the modules from Package.swift
	swift package dump-package | $(PYTHON) docs/figures/architecture.py > docs/figures/architecture.svg

clean: ## Remove what was built
	rm -rf .build .build-libtorch .build-sanitize $(VENV) demo
