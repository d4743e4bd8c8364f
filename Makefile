# Two commands do everything: `make up` runs panocast on this machine, `make test` tests it. Both install what is
# missing first (scripts/install.sh) and nothing the second time.

.DEFAULT_GOAL := help
.PHONY: help install up test check format bench chaos clean

PYTHON := .venv/bin/python
# Most tests wait more than they compute: two at a time, each file in one process, for its servers and clips are shared.
PYTEST := .venv/bin/pytest -n 2 --dist loadfile

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

install: ## install what panocast needs to run: system packages, .venv, the player's libraries
	@scripts/install.sh system python player

up: install ## run the whole platform with a demo until Ctrl-C (ARGS="--http-port 9090")
	@exec .venv/bin/panocast up --demo $(ARGS)

test: ## every test, end to end; installs Chromium and the dev tools, too (ARGS="-k name")
	@scripts/install.sh system chromium python-dev player
	@exec $(PYTEST) $(ARGS)

check: ## the quick loop: format, lint, types, fast tests
	@scripts/install.sh python-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	$(PYTEST) -q -x -m 'not slow'
	@if [ -x player/node_modules/.bin/tsc ]; then set -x; npm run --prefix player --silent types; fi
	@if [ -x player/node_modules/.bin/eslint ]; then set -x; npm run --prefix player --silent lint; fi
	@if [ -x player/node_modules/.bin/tsc ]; then set -x; npm test --prefix player --silent; fi

format: ## bring the code into shape
	@scripts/install.sh python-dev
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: ## measure speed and delay (takes a while, wants a quiet machine)
	@scripts/install.sh system chromium python-bench player
	@exec $(PYTHON) -m tests.bench $(ARGS)

chaos: ## long runs that kill and starve: workers, the origins of a live event, publishers that come and go (takes a while)
	@scripts/install.sh system chromium python-dev player
	@exec $(PYTHON) -m tests.chaos $(ARGS)

clean: ## remove caches and build products; never touches var/
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -not -path '*/node_modules/*' -not -path './var/*' \
	    -type d -prune -exec rm -rf {} +
