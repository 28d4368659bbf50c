# The targets for newcomers and developers. They need Python >= 3.11 with venv and pip, make and git.
# PYTHON chooses the interpreter: each version but the usual one has a virtual environment of its own.
PYTHON  ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
VENV    := $(if $(filter python3,$(PYTHON)),.venv,.venv-$(VERSION))
BIN     := $(VENV)/bin
TESTS   ?= tests
# the source archive that has the test suite of RFC 7208; it is read, not installed
SUITE   := pyspf==2.0.14
JOBS    ?= 4
# all but those that start hosts
UNITS   := $(filter-out tests.end_to_end tests.soak tests.upgrade,$(subst /,.,$(patsubst %/__init__.py,%,$(wildcard tests/*/__init__.py)) \
           $(basename $(wildcard tests/test_*.py))))
# compiled modules are kept and pydantic looks for no plugins: hosts of the tests start in half the time
KEPT    := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/$(VENV)/pycache PYDANTIC_DISABLE_PLUGINS=1
TRIAL   := $(KEPT) $(BIN)/python -m tests.trial --reporter=text --jobs=$(JOBS)

.PHONY: run test test-units test-long check coverage fuzz bench soak format clean

run: $(VENV)/.run
	$(BIN)/mailhost run --config etc/demo.toml

test: $(VENV)/.installed
	$(TRIAL) $(TESTS)

test-units: $(VENV)/.installed
	$(TRIAL) $(UNITS)

test-long: $(VENV)/.installed
	MAILHOST_TEST_EXAMPLES=long $(TRIAL) $(TESTS)

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The unit tests, unless TESTS names others. Processes that tests start are measured too, but for the
# head of a host: that ends by a signal.
coverage: TESTS = $(UNITS)
coverage: $(VENV)/.installed
	rm -rf .coverage && mkdir .coverage
	$(KEPT) $(BIN)/coverage run -m twisted.trial --reporter=text --jobs=$(JOBS) $(TESTS) || touch .coverage/failed
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	@test ! -e .coverage/failed

# Hostile octets for all parsers, or for those that PARSER names, SECONDS for each.
SECONDS ?= 60
PARSER  ?=
fuzz: $(VENV)/.fuzz
	$(KEPT) $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(PARSER)

# Everything that is measured lies below FOLDER: it should be on a file system with a journal.
FOLDER ?= /var/tmp
bench: $(VENV)/.installed
	$(BIN)/python -m bench.run --folder $(FOLDER)
	$(BIN)/python -m bench.imap --folder $(FOLDER)
	$(BIN)/python -m bench.authentication --folder $(FOLDER)

soak: $(VENV)/.installed
	$(BIN)/python -m tests.soak

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# For `make run`: mailhost and the packages that it imports, without the tools of developers.
$(VENV)/.run: setup.cfg pyproject.toml $(VENV)/.python-$(VERSION)
	@echo 'Installing mailhost and the packages that it needs into $(VENV). This takes a minute, once.'
	$(BIN)/python -m pip install --disable-pip-version-check --config-settings editable_mode=compat --editable .
	touch $@

$(VENV)/.installed: setup.cfg pyproject.toml $(VENV)/.python-$(VERSION)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip 'setuptools>=65.5'
	$(BIN)/python -m pip install -qq --disable-pip-version-check --config-settings editable_mode=compat --editable '.[dev]'
	$(BIN)/python -m pip download -qq --disable-pip-version-check --no-deps --no-build-isolation --no-binary :all: \
	    --dest $(VENV)/suites $(SUITE) || echo 'The cases of RFC 7208 could not be fetched: their test will skip.'
	touch $(VENV)/.run $@

# The fuzzer: 35 MB, and for some versions of Python only.
$(VENV)/.fuzz: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat --editable '.[fuzz]'
	touch $@

# another version by the same name gets a new environment, never the old one's packages
$(VENV)/.python-$(VERSION):
	@test -n "$(VERSION)" || { echo "$(PYTHON) does not run; name another with PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

clean:
	rm -rf .venv .venv-* build dist *.egg-info _trial_temp*
