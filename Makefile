# What a newcomer types. Needs Python >= 3.11 with venv and pip, make and git.
PYTHON ?= python3
BIN    := .venv/bin
TESTS  ?= tests

.PHONY: run test check bench soak format clean

run: .venv/.run
	$(BIN)/mailhost run --config etc/demo.toml

test: .venv/.installed
	$(BIN)/python -m twisted.trial --reporter=text $(TESTS)

check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.installed
	$(BIN)/python -m bench.run

soak: .venv/.installed
	$(BIN)/python -m tests.soak

format: .venv/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# For `make run`: mailhost and the packages that it imports, without the tools of developers.
.venv/.run: setup.cfg pyproject.toml
	@echo 'Installing mailhost and the packages that it needs into .venv. This takes a minute, once.'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --config-settings editable_mode=compat --editable .
	touch $@

.venv/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip 'setuptools>=65.5'
	$(BIN)/python -m pip install -qq --disable-pip-version-check --config-settings editable_mode=compat --editable '.[dev]'
	touch .venv/.run $@

clean:
	rm -rf .venv build dist *.egg-info _trial_temp*
