# Everything is one command: `make demo` and `make test` work on a clean checkout, for they set up what they need.

PYTHON ?= python3
BIN := .venv/bin
PROTOS := $(wildcard protos/aisle/*/v1/*.proto)
PROTOC := $(BIN)/python -m grpc_tools.protoc -Iprotos

SETUP := .venv/.stamp
TRITON := .venv-triton/.stamp

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo serve test lint audit bench bench-inference bench-limit bench-soak bench-quality bench-scale chaos k8s-check check-loadtest promtool protos lock train-setup audit-setup compare-setup openvino-setup clean

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SETUP) $(TRITON) ## Install everything that runs and checks Aisle: .venv, and .venv-triton for Triton.

demo: setup ## The whole way once: index real products, serve them, search photos, report in build/demo.
	@$(BIN)/aisle demo

serve: setup ## Leave the demo's system running, and say what to try next.
	@$(BIN)/aisle demo --serve

# Where promtool can't be had, off Debian and Ubuntu or off line, the tests that need it say so and are skipped.
test: setup ## Run every test.
	@timeout 60 $(MAKE) --no-print-directory promtool > /dev/null 2>&1 || true
	@$(BIN)/pytest -q

lint: $(SETUP) ## Check format, code, types, layers, protos and stubs.
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy --no-error-summary
	@rm -rf build/stubs && mkdir -p build/stubs
	$(BIN)/lint-imports --no-logo > build/lint-imports.log || { cat build/lint-imports.log; exit 1; }
	cd protos && ../$(BIN)/buf lint
	@$(PROTOC) --python_out=build/stubs --pyi_out=build/stubs --grpc_python_out=build/stubs $(PROTOS)
	@diff --recursive --exclude='*.proto' --exclude=__pycache__ build/stubs/aisle protos/aisle \
		|| { echo 'the stubs are not those of the protos: run `make protos`'; exit 1; }

audit: setup audit-setup ## Ask the package index what is known against the locked packages; says so where it can't be asked.
	@$(BIN)/python -m services.benchmarks.security.audit .venv-audit/bin/pip-audit

check-loadtest: setup ## The load generator's own tests that need minutes and a machine that does nothing else.
	@$(BIN)/pytest -q -m slow tests/integration/test_loadtest.py

promtool: build/promtool/usr/bin/promtool ## Fetch what tests alerts, from Debian's or Ubuntu's own package.

protos: $(SETUP) ## Generate the stubs beside the protos.
	$(PROTOC) --python_out=protos --pyi_out=protos --grpc_python_out=protos $(PROTOS)

bench: setup ## What serving costs over the limit, a quarter of an hour: OPTIONS='--soak 30' for a long run at the end.
	@$(BIN)/python -m services.benchmarks.speed $(OPTIONS)

bench-limit: setup ## The limit by itself: the demo's photos by function call in one process.
	@$(BIN)/python -m services.benchmarks.speed --only limit $(OPTIONS)

bench-soak: setup ## A long run by itself, 40 minutes: OPTIONS='--knee 120' where the knee is known.
	@$(BIN)/python -m services.benchmarks.speed --only soak --out build/bench-soak $(OPTIONS)

bench-inference: setup openvino-setup ## What the models cost on the CPU and find: make bench-inference DATASET=a-dataset-folder.
	@test -n '$(DATASET)' || { echo 'make bench-inference DATASET=...: a dataset folder with labelled photos'; exit 1; }
	@$(BIN)/python -m services.benchmarks.inference '$(DATASET)' --openvino .venv-openvino/bin/python $(OPTIONS)

bench-quality: setup train-setup ## Fit, index and evaluate the Grocery Store dataset: make bench-quality DATA=its-folder.
	@test -n '$(DATA)' || { echo "make bench-quality DATA=...: the Grocery Store dataset's folder 'dataset'"; exit 1; }
	@$(BIN)/python -m services.benchmarks.quality --data '$(DATA)'

bench-scale: setup compare-setup ## Build, serve, search and change two million pictures: OPTIONS='--images 200000' for fewer.
	@$(BIN)/python -m services.benchmarks.scale --comparer .venv-compare/bin/python $(OPTIONS)

k8s-check: setup ## What is promised of a cluster, without one, ten minutes: OPTIONS='--part balancing' for one part.
	@$(BIN)/python -m services.benchmarks.k8s $(OPTIONS)

chaos: setup ## The whole system under faults and overload, two hours: make chaos OPTIONS='--situation overload'.
	@$(BIN)/python -m tests.e2e.faults $(OPTIONS)

lock: ## Pin the newest versions that fit pyproject.toml in constraints.txt.
	@$(PYTHON) -m venv build/lock-venv
	@build/lock-venv/bin/pip install -qq --disable-pip-version-check uv
	build/lock-venv/bin/uv pip compile --quiet --extra dev --generate-hashes --no-emit-index-url \
		--no-emit-find-links --universal --python-version 3.11 --custom-compile-command 'make lock' \
		pyproject.toml -o constraints.txt
	@rm -rf build/lock-venv

train-setup: .venv-train/.stamp ## Install what training needs (torch for the CPU) in .venv-train.

compare-setup: .venv-compare/.stamp ## Install the engines that the benchmark of scale compares with in .venv-compare.

audit-setup: .venv-audit/.stamp ## Install pip-audit in .venv-audit.

openvino-setup: .venv-openvino/.stamp ## Install ONNX Runtime with OpenVINO, to compare with, in .venv-openvino.

clean: ## Remove what was built and installed.
	rm -rf build .venv .venv-audit .venv-triton .venv-train .venv-compare .venv-openvino

# Compiled once, on all cores: where PYTHONDONTWRITEBYTECODE is set, as in many containers, each process would compile what
# it imports at every start, and keep what that leaves in memory.
$(SETUP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
		|| { echo "Aisle needs Python 3.11 or 3.12, not $$($(PYTHON) --version 2>&1): make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
		|| { echo 'Python has no venv here: sudo apt install python3-venv (python3.11-venv for python3.11)'; exit 1; }
	@echo 'setting up .venv'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --disable-pip-version-check --no-compile --no-deps --require-hashes -r constraints.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-compile --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 .venv/lib services protos
	@touch $@

$(TRITON): $(SETUP) services/models/triton-requirements.txt
	@$(BIN)/python -c 'from pathlib import Path; from services.models.environment import ensure_environment; \
		ensure_environment(Path(".venv-triton"))'
	@touch $@

# No PyPI package carries promtool. Taking the package apart needs no root.
build/promtool/usr/bin/promtool:
	@mkdir -p build/promtool
	@cd build/promtool && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb

# Not locked: pick the torch build that fits your machine. `--editable` makes the services importable there.
.venv-train/.stamp: pyproject.toml
	@$(PYTHON) -m venv .venv-train
	@.venv-train/bin/pip install -qq --disable-pip-version-check --editable '.[train]'
	@touch $@

.venv-compare/.stamp: pyproject.toml
	@$(PYTHON) -m venv .venv-compare
	@.venv-compare/bin/pip install -qq --disable-pip-version-check --editable '.[compare]'
	@touch $@

.venv-openvino/.stamp: pyproject.toml
	@$(PYTHON) -m venv .venv-openvino
	@.venv-openvino/bin/pip install -qq --disable-pip-version-check --editable '.[openvino]'
	@touch $@

# Not locked: what looks for faults of others should be the newest.
.venv-audit/.stamp: $(SETUP)
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/pip install -qq --disable-pip-version-check pip-audit
	@touch $@
