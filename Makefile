# What can be done with a checkout. Every target does its own set-up, once; a second run starts at once.
#
#   make run            start the agent on this machine's own logs, observing only (home: ./home)
#   make run ARGS=      the same, acting: scripts run and addresses are blocked (as root)
#   make test           all tests;  make test ARGS='-k journal' some
#   make check          format, lint, types, shell
#   make dist           one executable: dist/ar-agent
#   make bench          size, start, memory, speed, latency
#   make soak           end an agent under attack with kill -9 300 times (KILLS=1000: more often), as root
#   make golden         write the expected halves of the golden files anew; review the diff
#   make clean          remove what the others made, except home
#
# PYTHON names the Python to use, VENV_ARGS what `python -m venv` is told besides (--system-site-packages where
# psutil comes from the system's own packages, as on OpenBSD).

PYTHON = python3
VENV = .venv
VENV_ARGS =
SETUP = PYTHON='$(PYTHON)' VENV='$(VENV)' VENV_ARGS='$(VENV_ARGS)' sh build/setup.sh
PY = $(VENV)/bin/python

.PHONY: all run test check dist bench soak golden clean

all: run

run:
	@$(SETUP)
	@PY='$(PY)' sh build/run.sh $${ARGS---observe}

test:
	@sh build/packages.sh test
	@$(SETUP) test
	$(PY) -m pytest $${ARGS-}

check:
	@sh build/packages.sh check
	@$(SETUP) test check
	$(PY) -m ruff format --check . build/*.py
	$(PY) -m ruff check . build/*.py
	$(PY) -m mypy
	sh build/shellcheck.sh

dist:
	@PYTHON='$(PYTHON)' VENV_ARGS='$(VENV_ARGS)' sh build/dist.sh

bench:
	@$(SETUP) test
	$(PY) tests/bench/bench.py $${ARGS-}

soak:
	@sh build/packages.sh test
	@$(SETUP) test
	KILLS=$${KILLS-300} $(PY) -m pytest -q -s tests/e2e/test_soak.py

golden:
	@$(SETUP)
	$(PY) -m ar.ruleset.golden --rewrite

clean:
	rm -rf .venv build/out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
