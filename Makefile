# Two commands: `make site` shows the guide, `make test` proves it. `make help` lists the rest.
PYTHON ?= python3
PORT ?= 8080
# Four at a time on two cores: many tests wait for seconds to pass.
JOBS ?= 4
# Real servers have rare moments. What fails is tried once more, at most three tests in a run: what is broken stays red,
# and the summary shows each first failure in full.
AGAIN := --reruns 1 --max-suite-reruns 3 --rerun-show-tracebacks
PYTEST_OPTIONS ?=
BENCH_OPTIONS ?=
GROWTH_OPTIONS ?=
WITNESS_OPTIONS ?=
MUTANTS_OPTIONS ?=
FUZZ ?= 200
BIN := .venv/bin
SPHINX_OPTIONS := -n -W --keep-going -q
# A summary has one line for each test that failed: with these two set, pytest would print all that a test compared.
unexport CI BUILD_NUMBER
# Compiled modules make every later start faster.
unexport PYTHONDONTWRITEBYTECODE

# Whether the port of `make site` can be had.
define TRY_PORT
import socket, sys
choose = "choose one from 1024 to 65535: make site PORT=8081"
try:
    socket.create_server(("127.0.0.1", int("$(PORT)"))).close()
except (ValueError, OverflowError):
    sys.exit(f"error: PORT=$(PORT) is no port: {choose}")
except PermissionError:
    sys.exit(f"error: port $(PORT) is for root alone: {choose}")
except OSError:
    sys.exit("error: port $(PORT) is in use: stop what holds it, or choose another: make site PORT=8081")
endef
export TRY_PORT

.PHONY: help site html epub pdf links lighthouse cluster check test test-all bench growth witness mutants fuzz hubcheck durations newest lint lock clean
help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s  %s\n", $$1, $$2 }' Makefile

site: .venv/ready ## build the guide, serve it on this machine, rebuild on change (PORT=8080)
	@$(BIN)/python -c "$$TRY_PORT"
	@$(BIN)/sphinx-autobuild --port $(PORT) --re-ignore '/(\.git|\.venv|build|__pycache__)/' $(SPHINX_OPTIONS) -d build/doctrees . build/html

html: .venv/ready ## build the guide into build/html
	@$(BIN)/sphinx-build $(SPHINX_OPTIONS) -d build/doctrees . build/html && echo "build/html/index.html"

# What a doctree holds depends on the builder: each has its own.
epub: .venv/ready ## the guide as a book, build/guide.epub
	@GUIDE_VERSION="$$(git describe --tags --always 2>/dev/null || echo unversioned)" \
	  $(BIN)/sphinx-build $(SPHINX_OPTIONS) -b epub -d build/doctrees-epub . build/epub
	@cp build/epub/guide.epub build/guide.epub && echo "build/guide.epub"

pdf: .venv/ready ## the guide on paper, build/guide.pdf, printed by the tests' Chromium
	@$(BIN)/sphinx-build $(SPHINX_OPTIONS) -b singlehtml -d build/doctrees-singlehtml . build/singlehtml
	@$(BIN)/python -m tests.harness.site.paper build/singlehtml build/guide.pdf

links: .venv/ready ## whether every link to elsewhere leads somewhere; asks the internet
	@$(BIN)/sphinx-build $(SPHINX_OPTIONS) -b linkcheck -d build/doctrees-linkcheck . build/linkcheck

lighthouse: html ## what Lighthouse says of the built guide
	@$(BIN)/python -m tests.harness.site.lighthouse build/html

cluster: html ## a hub and two nodes with Slurm on this machine, to look at; Ctrl-C ends them
	@$(BIN)/python -m tests.harness.site.cluster build/html

check: .venv/ready ## the quick part: the newest servers' own check of every snippet
	@QUICK=1 $(BIN)/python -m pytest -q tests/deploy/test_accepted.py $(PYTEST_OPTIONS)

test: .venv/ready ## everything: syntax, whole deployments, notebooks, the site
	@$(BIN)/python -m pytest -n $(JOBS) $(AGAIN) $(PYTEST_OPTIONS)

test-all: .venv/ready ## the same, with each row of every product of versions; once a week
	@WHOLE=1 $(BIN)/python -m pytest -n $(JOBS) $(AGAIN) $(PYTEST_OPTIONS)

bench: .venv/ready ## how fast the published files are, beside others; writes build/bench.json, which the site shows
	@$(BIN)/python -m tests.harness.measuring.bench $(BENCH_OPTIONS)

growth: .venv/ready ## what more users take of the hub, its proxy and its database; writes build/growth.json, which the site shows
	@$(BIN)/python -m tests.harness.measuring.growth $(GROWTH_OPTIONS)

witness: .venv/ready ## what breaks without each published line; writes build/witness.json, which the site shows
	@$(BIN)/python -m tests.harness.measuring.witness $(WITNESS_OPTIONS)

durations: .venv/ready ## where the minutes of the last whole run went, kept in tests/durations.json
	@$(BIN)/python -m tests.harness.measuring.durations
mutants: .venv/ready ## whether the tests of hubcheck notice what is changed in it; writes build/mutants.json, which the site shows
	@$(BIN)/python -m tests.harness.measuring.mutants --jobs $(JOBS) $(MUTANTS_OPTIONS)

fuzz: .venv/ready ## hubcheck against FUZZ times as many made-up answers and logs as in `make test` (FUZZ=200, about an hour)
	@case "$(FUZZ)" in "" | 0* | *[!0-9]*) echo "error: FUZZ=$(FUZZ) is no number from 1 on: make fuzz FUZZ=20" >&2; exit 1 ;; esac
	@FUZZ=$(FUZZ) $(BIN)/python -m pytest -n 2 -k whatever tests/troubleshooting/test_fuzz.py tests/troubleshooting/test_log_fast.py $(PYTEST_OPTIONS)

hubcheck: .venv/ready ## the published script of the check, from its parts in hubcheck/; after each change there
	@$(BIN)/python -m tests.harness.one_script

newest: .venv/ready ## everything against the newest upstream releases, which it writes into this working copy
	@$(BIN)/python -m tests.harness.measuring.newest
	@$(MAKE) test PYTEST_OPTIONS="--junit-xml=build/newest.xml"

lint: .venv/ready ## only the linters, of code and of prose
	@$(BIN)/python -m pytest -q --no-machines tests/house/test_tidy.py tests/site/test_words.py $(PYTEST_OPTIONS)

lock: .venv/ready ## renew requirements.txt, and what readers install by, with the newest releases that fit
	@$(BIN)/python -m tests.harness.lock --upgrade

clean: ## remove what was built and what was measured, which took hours; container images stay
	@rm -rf build .pytest_cache .ruff_cache

# Python's own environment; on Debian, `venv` is a package of its own.
.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get -qq update && apt-get -qq -y install python3-venv >/dev/null \
	    && $(PYTHON) -c 'import ensurepip' 2>/dev/null; } \
	  || { echo "error: Python cannot make environments: sudo apt-get install python3-venv; another Python than Debian's has a package of its own" >&2; exit 1; }
	@echo "installing what requirements.txt names into .venv (about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --require-hashes -r requirements.txt
	@touch $@
