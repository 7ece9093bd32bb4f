# Everything a developer runs daily. `make help` lists it. Each target does the set-up that it needs.

SHELL  := /bin/bash
PYTHON ?= python3

# Two environments: one for development (the extension is built in place), one where the wheel is installed as a user
# would have it. Both lie in the project and know nothing of each other.
DEV    := .venv
WHEEL  := .cache/wheel-venv
STAMP  := installed
PYTEST := PATH=$(CURDIR)/$(DEV)/bin:$$PATH $(DEV)/bin/python -m pytest

# pip and maturin compile with other settings than cargo does; folders of their own keep each from rebuilding the other's.
MATURIN_TARGET := $(CURDIR)/target/maturin
WHEEL_TARGET   := $(CURDIR)/target/wheel

# The fuzzer needs switches of the compiler that stable hides; RUSTC_BOOTSTRAP=1 shows them for this one build.
FUZZ         := .cache/fuzz
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= json path query headers admit

# Of bench-sidecar.
SECONDS ?= 60
RATE    ?= 2000

SOURCES := $(shell git ls-files 'rust/*' 'shadow/*.rs' 'shadow/Cargo.toml' 'python/crossfade/*' Cargo.toml Cargo.lock pyproject.toml 'build_backend/*')

# In CI the larger recordings are replayed too, where their folder is there. What is compiled there is compiled once: no
# parts for the next time, no tables of lines, since a panic says where it was without them, and no folder of maturin's own,
# since nothing is built again.
ifeq ($(CI),true)
export CARGO_INCREMENTAL := 0
export CARGO_PROFILE_DEV_DEBUG := 0
MATURIN_TARGET := $(CURDIR)/target
ifneq ($(wildcard ../shared/traffic),)
export CROSSFADE_TRAFFIC ?= $(abspath ../shared/traffic)
endif
endif

unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.PHONY: help demo test test-parity test-journeys test-long check bench bench-limits bench-emit bench-linear bench-sidecar fuzz fmt build lint test-rust test-python redis stubs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(WHEEL)/$(STAMP) ## The main job on recorded real traffic, then a live cutover
	$(WHEEL)/bin/python shadow/demo.py --work .cache/demo

test: lint test-rust test-python ## Every check: format, lints, Rust and Python tests, journeys
	@echo "make test: everything passed"

test-long: build redis ## Parity at a hundred thousand examples each: up to an hour
	CROSSFADE_LONG=1 $(PYTEST) tests/parity tests/suites tests/journey/test_shared_storms.py tests/journey/test_in_flight_storms.py
	CROSSFADE_LONG=1 cargo test -q -p crossfade-store --lib shared::
	cargo test -q -p crossfade-shadow --test ruling -- --ignored
	cargo test -q --profile perf -p crossfade-store -- --ignored

check: ## The fast loop: the core's and the store's tests and lints
	cargo clippy -q -p crossfade-core -p crossfade-store --all-targets -- -D warnings
	cargo test -q -p crossfade-core -p crossfade-store

bench: $(WHEEL)/$(STAMP) ## Decision latency of control and candidate, side by side
	$(WHEEL)/bin/python tests/bench/decision.py --work .cache/bench

bench-limits: $(WHEEL)/$(STAMP) ## One hit of a limit: each store, limits over memory and over crossfade, other limiters
	$(WHEEL)/bin/pip install -q --disable-pip-version-check --target .cache/bench-packages --upgrade -r tests/bench/requirements.txt
	PYTHONPATH=.cache/bench-packages $(WHEEL)/bin/python tests/bench/one_hit.py
	$(PYTHON) tests/bench/stores.py

bench-emit: $(WHEEL)/$(STAMP) ## What it costs a request to send its exchange to the sidecar
	$(WHEEL)/bin/python tests/bench/emit.py

bench-sidecar: ## A sidecar under RATE exchanges a second for SECONDS: memory over time, processor time, the account
	@mkdir -p .cache
	cargo build -q --profile perf -p crossfade-cli
	cargo build -q --profile perf -p crossfade-shadow --example feed
	$(PYTHON) tests/bench/sidecar.py --seconds $(SECONDS) --rate $(RATE) target/perf/crossfade target/perf/examples/feed

bench-linear: ## Size against time for requests made to be slow: none may take more than linear time
	@mkdir -p .cache
	$(PYTHON) tests/bench/linear.py --svg .cache/linear.svg

fuzz: $(FUZZ)/bin/cargo-fuzz ## Inputs that nobody thought of, FUZZ_SECONDS for each of FUZZ_TARGETS
	$(PYTHON) tests/fuzz/corpus.py unpack $(FUZZ)/corpus
	set -e; for target in $(FUZZ_TARGETS); do \
	    PATH=$(CURDIR)/$(FUZZ)/bin:$$PATH RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz --target-dir $(CURDIR)/target/fuzz \
	        $$target $(CURDIR)/$(FUZZ)/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=4096 -print_final_stats=1; \
	done

fmt: $(DEV)/$(STAMP) ## Format everything
	cargo fmt --all
	$(DEV)/bin/ruff format -q python shadow tests build_backend
	$(DEV)/bin/ruff check -q --fix python shadow tests build_backend

build: $(DEV)/$(STAMP) ## Rebuild the extension and the binary for development
	VIRTUAL_ENV=$(CURDIR)/$(DEV) $(DEV)/bin/maturin develop -q --target-dir $(MATURIN_TARGET)
	cargo build -q -p crossfade-cli

lint: $(DEV)/$(STAMP) ## Format and lints; changes nothing
	cargo fmt --all --check
	cargo clippy -q --workspace --all-targets -- -D warnings
	$(DEV)/bin/ruff format -q --check python shadow tests build_backend
	$(DEV)/bin/ruff check -q python shadow tests build_backend
	$(DEV)/bin/mypy

test-rust: ## Rust tests
	cargo test -q --workspace --exclude crossfade-py --features crossfade-store/redis
	cargo test -q -p crossfade-core --features phone --test phone

test-python: stubs redis ## Python tests and journeys: what computes and what waits, beside one another
	$(MAKE) --no-print-directory -j2 --output-sync=target test-parity test-journeys

test-parity: stubs redis
	$(PYTEST) tests/parity tests/suites

test-journeys: stubs redis
	$(PYTEST) --ignore=tests/parity --ignore=tests/suites

redis: .cache/redis/redis-server ## A Redis server for the tests: the machine's own, or Debian's, with or without root

.cache/redis/redis-server: tests/bring_redis.sh
	tests/bring_redis.sh .cache/redis

stubs: build ## The committed stub is the one that the extension gives
	$(DEV)/bin/python tests/stubs.py

clean: ## Remove everything that was built or brought
	rm -rf target $(DEV) .cache crossfade._core.data

$(FUZZ)/bin/cargo-fuzz:
	@echo "installing cargo-fuzz into $(FUZZ) (two minutes, once)"
	cargo install -q --locked --root $(FUZZ) --version 0.13.2 cargo-fuzz

$(DEV)/$(STAMP): tests/requirements.txt python/gateway/requirements.txt
	@echo "setting up $(DEV): Python packages for development"
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt -r python/gateway/requirements.txt
	@touch $@

$(WHEEL)/$(STAMP): $(SOURCES) python/gateway/requirements.txt
	@echo "building the wheel and installing it into $(WHEEL), as a user would (a few minutes the first time)"
	$(PYTHON) -m venv $(WHEEL)
	$(WHEEL)/bin/pip install -q --disable-pip-version-check -r python/gateway/requirements.txt
	CARGO_TARGET_DIR=$(WHEEL_TARGET) $(WHEEL)/bin/pip install -q --disable-pip-version-check --force-reinstall --no-deps .
	@touch $@
