# demo and test set up all they need and can be run again; check and format use the environment of test.
PYTHON ?= python3

.PHONY: demo test check format clean

demo: .venv/installed          ## map a real Sentinel-2 image, and name the report to open
	.venv/bin/landcover demo --overwrite

test: .venv-dev/installed      ## run all tests
	.venv-dev/bin/python -m pytest

check: .venv-dev/installed     ## lint, types, layers
	.venv-dev/bin/ruff check src tests benchmarks
	.venv-dev/bin/ruff format --check src tests benchmarks
	.venv-dev/bin/mypy
	.venv-dev/bin/lint-imports

format: .venv-dev/installed    ## format the code
	.venv-dev/bin/ruff check --fix src tests benchmarks
	.venv-dev/bin/ruff format src tests benchmarks

clean:                         ## remove the environments
	rm -rf .venv .venv-dev

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv-dev/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-dev
	.venv-dev/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'
	touch $@
