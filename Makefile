# Every target does its own set-up. Nothing stays behind but this folder's own files and the system's package of RabbitMQ.
PYTHON ?= $(firstword $(shell command -v python3.11) python3)
BIN := .venv/bin
BENCH := var/bench/venv
# Most tests wait for a broker or a clock, few compute: more processes than cores.
JOBS ?= 3

export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test chaos kill-matrix fuzz bench bench-against check fix lock clean rabbitmq promtool

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /|/' | while IFS='|' read -r name does; do printf '  make %-11s %s\n' "$$name" "$$does"; done

demo: .venv/.ready rabbitmq ## the whole thing on this machine, with a story of bookings, checked at the end
	@$(BIN)/roomsync demo

test: check rabbitmq promtool ## check, then every test
	@mkdir -p var
	@$(BIN)/pytest --basetemp=var/pytest --numprocesses=$(JOBS) --dist=loadfile

chaos: .venv/.ready rabbitmq ## workers killed, broker restarted, Exchange misbehaving; checked at the end: make chaos SEED=7 MINUTES=10
	@$(BIN)/python -m tests.chaos.run --seed $(or $(SEED),1) --minutes $(or $(MINUTES),2)

kill-matrix: .venv/.ready rabbitmq ## a worker killed at every point of every command, by itself and beside another one
	@mkdir -p var
	@ROOMSYNC_KILL_MATRIX=full $(BIN)/pytest --basetemp=var/pytest tests/kill

fuzz: .venv/.ready ## hostile messages, answers and files by the hundred thousand: make fuzz SEED=7 COUNT=200000 TARGET=ews
	@$(BIN)/python -m tests.fuzz.run --seed $(or $(SEED),1) --count $(or $(COUNT),100000) $(TARGET)

bench: $(BENCH)/.ready rabbitmq ## measure beside other ways to do it, a quarter of an hour: make bench QUICK=1 SCENARIO=drain
	@$(BENCH)/bin/python -m tests.bench.run --rivals tests/bench/rivals $(if $(QUICK),--quick) $(addprefix --scenario ,$(SCENARIO))

bench-against: .venv/.ready rabbitmq ## measure by turns against another revision: make bench-against REV=HEAD~5
	@test -n "$(REV)" || { echo "name a revision: make bench-against REV=HEAD~5" >&2; exit 2; }
	@rm -rf var/bench/other && mkdir -p var/bench/other && git archive $(REV) | tar -x -C var/bench/other
	@$(BIN)/python -m tests.bench.run --against var/bench/other --out var/bench/against $(if $(QUICK),--quick)

check: .venv/.ready ## lint, format, types, import contracts, spelling, locks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/codespell
	@.ci/check-locks
	@$(BIN)/python .ci/check-zones

fix: .venv/.ready ## mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## resolve the dependencies anew (needs uv); name packages in P to upgrade them: make lock P="ruff mypy"
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		$(addprefix --upgrade-package ,$(P)) --extra dev --output-file requirements-dev.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		--constraint requirements-dev.lock --output-file requirements.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		--constraint requirements-dev.lock $(addprefix --upgrade-package ,$(P)) --extra bench --output-file requirements-bench.lock pyproject.toml
	@.ci/check-locks

clean: ## remove what the other targets made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist var

# From the lock alone: the checkout itself is installed last, without an index and without build isolation.
.venv/.ready: requirements-dev.lock pyproject.toml
	@echo "setting up .venv (about a minute, once)"
	@$(PYTHON) -c 'import sys; sys.exit("roomsync needs Python 3.11 or newer: make PYTHON=...") if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	@$(BIN)/pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

# The rivals stay out of the environment of the tests.
$(BENCH)/.ready: requirements-bench.lock pyproject.toml .venv/.ready
	@echo "setting up $(BENCH) (about a minute, once)"
	@$(BIN)/python -m venv $(BENCH)
	@$(BENCH)/bin/pip install --quiet --require-hashes --requirement requirements-bench.lock
	@$(BENCH)/bin/pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

rabbitmq: .venv/.ready
	@deploy/bootstrap/rabbitmq

promtool:
	@deploy/bootstrap/promtool
