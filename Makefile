# make run     the page on http://127.0.0.1:7860 (installs on first use; ARGS="--port 8000" passes arguments on)
# make check   formatting, lint, types
# make test    the whole test suite, in two processes (WORKERS=0: in one; PYTEST_ARGS="tests/ui -x" passes arguments on)
# make messages  brings the translations in common/locale up to date with the code (NEW=de begins another language)
# make screenshots  the pictures of the guide and the READMEs anew (SHOTS="write_en write_zh" only these)
# make clean   removes the environment

PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip install --disable-pip-version-check --quiet
ARGS ?=
WORKERS ?= 2
PYTEST_ARGS ?=
NEW ?=
SHOTS ?=

.PHONY: run check test messages screenshots install install-dev clean

run: install
	@exec $(VENV)/bin/python app.py $(ARGS)

check: install-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

# Hundreds of processes start, and all import the same: what is compiled is kept, also where that is turned off.
test: install-dev
	PYTHONDONTWRITEBYTECODE= $(VENV)/bin/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(PYTEST_ARGS)

# Every sentence marked with _, _n or _p (common/messages.py) into the catalogue of every language.
messages: install-dev
	$(VENV)/bin/pybabel --quiet extract --no-default-keywords --keyword _ --keyword _n:1,2 --keyword _p:1c,2 \
	    --no-location --sort-output --project xcomposer-studio --output-file $(VENV)/studio.pot common composer evaluation retrieval ui
	$(VENV)/bin/pybabel --quiet update --domain studio --input-file $(VENV)/studio.pot --output-dir common/locale \
	    --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 110 $(if $(NEW),--init-missing --locale $(NEW))
	$(VENV)/bin/pybabel --quiet compile --domain studio --directory common/locale --statistics

screenshots: install-dev
	$(VENV)/bin/python -m benchmarks.page.screenshots $(if $(SHOTS),--only $(SHOTS))

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

# What a failed attempt leaves looks like an environment without being one.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, not %d.%d. Name one: make run PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# A stamp per set of packages: the second run installs nothing.
$(VENV)/installed: requirements.txt requirements-embedded.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing packages into $(VENV) (first time only; about 7.4 GB, 3.4 GB with the CPU build of PyTorch) ..."
	$(PIP) --requirement requirements.txt --constraint constraints.txt
	$(PIP) --no-deps --requirement requirements-embedded.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt constraints.txt $(VENV)/installed
	$(PIP) --requirement requirements-dev.txt --constraint constraints.txt
	@touch $@

clean:
	rm -rf $(VENV)
