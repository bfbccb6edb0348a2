# The project's verbs. `make help` lists them.
PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help setup configure build test demo bench gates soak fuzz format lint clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Install system packages and the Python environment (idempotent)
	@scripts/setup.sh

configure: setup
	@cmake --preset $(PRESET)

build: configure ## Build everything (PRESET=release by default; see CMakePresets.json)
	@cmake --build --preset $(PRESET) -j $(JOBS)

test: build ## Set up, build and run all tests
	@ctest --preset $(PRESET) -j $(JOBS)

demo: build ## Serve the embedded model and send real photos through it; pictures in out/demo/
	@BUILD=$(BUILD) scripts/demo.sh

bench: build ## CPU benchmark: Reconstruct against eager PyTorch, interleaved
	@.venv/bin/python tests/bench/bench_cpu.py --bench $(BUILD)/bin/reconstruct_bench

gates: build ## Measure the gates of the serving engine (about 6 minutes; out/gates/gates.json)
	@python3 scripts/gates --build $(BUILD)

soak: build ## Minutes at 80 % load while clients are killed (MINUTES=10)
	@python3 scripts/gates --build $(BUILD) --minutes $(MINUTES) soak

fuzz: ## Fuzz what reads bytes from outside (FUZZ_SECONDS=60 a target; FUZZ_TARGETS="image variant": only these)
	@scripts/setup.sh --fuzz
	@scripts/fuzz.sh --seconds $(FUZZ_SECONDS) --jobs $(JOBS) $(FUZZ_TARGETS)

format: ## Format all sources
	@scripts/format.sh

lint: setup ## Check format, include layers and scripts
	@scripts/lint.sh

clean: ## Remove build outputs (not .venv)
	@rm -rf build out
