# make run · make test · make check: all install what they need into .venv first.

PYTHON ?= python3
PORT ?= 8080
ROOM ?= rooms/legal-assistant.yaml
BIN := .venv/bin
SOURCES := avatar knowledge streaming tests $(wildcard benchmarks/*.py)

.PHONY: run test check lint format lock audit clean help

help:
	@echo "make run [PORT=8080] [ROOM=rooms/…yaml]   put a room on air"
	@echo "make test                                 everything: lint, types, all tests with real models and Chromium"
	@echo "make check                                the inner loop: lint, types, fast tests"
	@echo "make format · make lock · make audit · make clean"

run: .venv/.installed
	$(BIN)/everhost serve $(ROOM) --port $(PORT)

test: .venv/.dev .venv/.gpu lint
	./.ci/packages chromium chromium-driver coturn nginx-light libnginx-mod-rtmp prometheus redis-server
	command -v node >/dev/null || ./.ci/packages nodejs
	$(BIN)/python -m pytest

check: .venv/.dev lint
	$(BIN)/python -m pytest -m "not real"

lint: .venv/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

format: .venv/.dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# Pins of everything that an install brings; run after changing the dependencies in pyproject.toml.
lock: .venv/.dev
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
		--no-header --no-annotate --no-emit-index-url -q -o constraints.txt

# Known vulnerabilities of what is pinned; needs the network.
audit: .venv/.dev
	$(BIN)/pip install -q pip-audit
	$(BIN)/pip-audit --no-deps --disable-pip -r constraints.txt

.venv/.python:
	./.ci/python $(PYTHON)
	touch $@

.venv/.installed: .venv/.python pyproject.toml constraints.txt
	@echo "everhost: installing into .venv, about a minute"
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e .
	touch $@

.venv/.dev: .venv/.installed
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

# Drawing on a GPU is tested on the cores.
.venv/.gpu: .venv/.dev
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[gpu]'
	touch $@

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
