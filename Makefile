# Each target makes .venv when it is missing and installs what it needs; a second run starts at once.
#   make demo       speak four sentences into demo/*.wav
#   make test       run the quick tests (make test-slow: the long ones)
#   make test-ui    run the browser tests (needs chromium, else they are skipped)
#   make webui      open the web page on http://127.0.0.1:9874
#   make api        serve the HTTP API on http://127.0.0.1:9880 (API_ARGS for more)
#   make serve-ray  serve it with replicas on Ray Serve (RAY_ARGS for more)
#   make test-vllm  compare vLLM with our own loop (makes an environment of its own: 3.5 GB)
#   make lint       ruff and mypy
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# Passed to every pip install, for people who need an option of their own (a proxy, another torch build).
PIP_ARGS ?=
DEMO_ARGS ?=
API_ARGS ?=
RAY_ARGS ?=
VLLM_ARGS ?=
PYTEST_ARGS ?=
# Processes that the quick tests run in; a test that needs the machine to itself is marked slow.
TEST_JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-web setup-api setup-ray setup-dev demo test test-slow test-golden test-ui test-vllm webui api \
	serve-ray lint format clean

help:
	@sed -n 's/^#   make/  make/p' Makefile

# venv needs ensurepip, which Debian ships apart; where it is missing, the machine's own pip fills the venv.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "$(PYTHON) is not Python 3.10 or newer; fix: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null && $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) && \
	    $(PYTHON) -m pip --python $(VENV)/bin/python install -q $(PIP_ARGS) pip; } || \
	  { rm -rf $(VENV); echo "cannot make $(VENV); fix: install python3-venv or python3-pip" >&2; exit 2; }
	@touch $@

# One stamp a set of packages, newer than the files that name them.
$(VENV)/.core: $(VENV)/.made requirements.txt pyproject.toml
	$(PIP) install -q $(PIP_ARGS) -r requirements.txt
	$(PIP) install -q $(PIP_ARGS) --no-deps -e .
	@touch $@

$(VENV)/.web: $(VENV)/.core
	$(PIP) install -q $(PIP_ARGS) -r requirements.txt -e '.[web]'
	@touch $@

$(VENV)/.api: $(VENV)/.core
	$(PIP) install -q $(PIP_ARGS) -r requirements.txt -e '.[api]'
	@touch $@

$(VENV)/.ray: $(VENV)/.api
	$(PIP) install -q $(PIP_ARGS) -r requirements.txt -e '.[api,ray]'
	@touch $@

$(VENV)/.dev: $(VENV)/.core requirements-dev.txt
	$(PIP) install -q $(PIP_ARGS) -r requirements-dev.txt
	@touch $@

$(VENV)/.ja: $(VENV)/.core
	$(PIP) install -q $(PIP_ARGS) -r requirements.txt -e '.[ja]'
	@touch $@

setup: $(VENV)/.core
setup-web: $(VENV)/.web
setup-api: $(VENV)/.api
setup-ray: $(VENV)/.ray
setup-dev: $(VENV)/.dev

demo: $(VENV)/.ja
	$(PY) tools/demo.py $(DEMO_ARGS)

test: $(VENV)/.dev
	$(PY) -m pytest -q -n $(TEST_JOBS) $(PYTEST_ARGS)

test-slow: $(VENV)/.dev
	$(PY) -m pytest -q -m "slow and not gpu" $(PYTEST_ARGS)

test-golden: $(VENV)/.dev
	$(PY) -m pytest -q -m golden $(PYTEST_ARGS)

test-ui: $(VENV)/.dev
	$(PY) -m pytest -q -m ui $(PYTEST_ARGS)

webui: $(VENV)/.web
	$(PY) webui.py

api: $(VENV)/.api
	$(PY) api_v2.py $(API_ARGS)

serve-ray: $(VENV)/.ray
	$(PY) serve_ray.py $(RAY_ARGS)

test-vllm: $(VENV)/.core
	$(PY) tools/check_vllm.py $(VLLM_ARGS)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
