# Two commands: `make site` shows the guide, `make test` proves it. `make help` lists the rest.
PYTHON ?= python3
PORT ?= 8080
# Two at a time on two cores: a browser keeps one busy.
JOBS ?= 2
PYTEST_OPTIONS ?=
BIN := .venv/bin
SPHINX_OPTIONS := -n -W --keep-going -d build/doctrees
# Compiled modules make every later start faster.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help site html check test lint lock clean
help:
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | column -t -s '|'

site: .venv/ready ## build the guide, serve it on this machine, rebuild on change (PORT=8080)
	@$(BIN)/python -c "import socket; socket.create_server(('127.0.0.1', $(PORT))).close()" 2>/dev/null \
	  || { echo "error: port $(PORT) is in use: stop what holds it, or choose another: make site PORT=8081" >&2; exit 1; }
	@$(BIN)/sphinx-autobuild --port $(PORT) --re-ignore '/(\.git|\.venv|build|__pycache__)/' $(SPHINX_OPTIONS) -q . build/html

html: .venv/ready ## build the guide into build/html
	@$(BIN)/sphinx-build $(SPHINX_OPTIONS) -q . build/html && echo "build/html/index.html"

check: .venv/ready ## the quick half: every server's own check of every snippet
	@$(BIN)/python -m pytest -q tests/test_accepted.py $(PYTEST_OPTIONS)

test: .venv/ready ## everything: syntax, whole deployments, notebooks, the site
	@$(BIN)/python -m pytest -n $(JOBS) $(PYTEST_OPTIONS)

lint: .venv/ready ## only the linters, of code and of prose
	@$(BIN)/python -m pytest -q --no-machines tests/test_tidy.py tests/test_words.py $(PYTEST_OPTIONS)

lock: .venv/ready ## renew requirements.txt from requirements.in
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements.in -o requirements.txt

clean: ## remove what was built; container images stay
	@rm -rf build .pytest_cache .ruff_cache

# Python's own environment; on Debian, `venv` is a package of its own.
.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get -qq update && apt-get -qq -y install python3-venv >/dev/null; } \
	  || { echo "error: Python cannot make environments: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "installing what requirements.txt names into .venv (about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --require-hashes -r requirements.txt
	@touch $@
