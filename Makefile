# Everything a developer runs daily. `make help` lists it.
# demo and test do all the set-up they need: a virtual environment, Python packages, Redis-free, no services.

SHELL  := /bin/bash
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CAPTURES ?= .cache/demo

# pip and maturin compile with other settings than cargo does; a target folder of their own keeps both from rebuilding.
MATURIN_TARGET := target/maturin

# In CI the larger recordings are replayed too, where that folder is there.
ifeq ($(CI),true)
ifneq ($(wildcard ../shared/traffic),)
export CROSSFADE_TRAFFIC ?= ../shared/traffic
endif
endif

export PATH := $(CURDIR)/$(BIN):$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport PYTHONHOME

.PHONY: help demo test check bench fmt build lint test-rust test-python stubs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/released ## The main job on recorded real traffic, then a live cutover
	$(BIN)/python shadow/demo.py --work $(CAPTURES)

test: lint test-rust test-python ## Every check: format, lints, Rust and Python tests, journeys
	@echo "make test: everything passed"

check: ## The fast loop: the core's tests and lints
	cargo clippy -q -p crossfade-core -p crossfade-store --all-targets -- -D warnings
	cargo nextest run -p crossfade-core -p crossfade-store --no-fail-fast --status-level fail 2>/dev/null || cargo test -q -p crossfade-core -p crossfade-store

bench: $(VENV)/released ## Decision latency of control and candidate, side by side
	$(BIN)/python tests/bench/decision.py

fmt: $(VENV)/packages ## Format everything
	cargo fmt --all
	$(BIN)/ruff format python shadow tests build_backend
	$(BIN)/ruff check --fix python shadow tests build_backend

build: $(VENV)/packages ## Rebuild the extension and the binary for development
	$(BIN)/maturin develop -q --skip-install --target-dir $(MATURIN_TARGET)
	cargo build -q -p crossfade-cli

lint: $(VENV)/packages ## Format and lints, nothing changed
	cargo fmt --all --check
	cargo clippy -q --workspace --exclude crossfade-py --all-targets -- -D warnings
	$(BIN)/ruff format --check python shadow tests build_backend
	$(BIN)/ruff check python shadow tests build_backend
	$(BIN)/mypy

test-rust: ## Rust tests
	cargo test -q --workspace --exclude crossfade-py

test-python: $(VENV)/packages build stubs ## Python tests and journeys
	$(BIN)/python -m pytest

stubs: build ## The committed stub is the one that the extension would generate
	$(BIN)/python tests/stubs.py

clean: ## Remove what was built
	rm -rf target $(VENV) .cache crossfade._core.data
