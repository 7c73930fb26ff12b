# `make up` runs the platform, `make test` checks everything; see README.md and CONTRIBUTING.md.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
# An installed environment is renewed when the lock changes, and only then.
INSTALL := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt

.DEFAULT_GOAL := help
.PHONY: help up dev reset test lint audit bench gallery settings-docs error-docs permission-docs lock install

help:
	@echo "make up               start everything on this machine; Ctrl-C stops it, the data stays"
	@echo "make dev FOLDER=…     the same without the demo, and the member of a folder with hot reload"
	@echo "make reset            remove the data of make up"
	@echo "make test             lint, then the whole test suite"
	@echo "make lint             style, types, import rules, templates"
	@echo "make audit            ask the vulnerability service about every package of the lock"
	@echo "make bench            measure a clean node against this machine's ceilings"
	@echo "make gallery          take the pictures of docs/ui anew, of the demo in a real browser"
	@echo "make settings-docs    write docs/settings.md from the settings' table"
	@echo "make error-docs       write docs/help/errors.md from the error classes"
	@echo "make permission-docs  write docs/permissions.md from the permission table"
	@echo "make lock             write requirements.txt from requirements.in"

install: $(STAMP)

$(STAMP): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; $$($(PYTHON) --version) was found (set PYTHON=…)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv module is missing: install it (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV)…"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing packages into $(VENV)…"
	@$(INSTALL)
	@touch $@

up: $(STAMP)
	@exec $(BIN)/python manage.py up --with-parent

FOLDER ?= .
dev: $(STAMP)
	@exec $(BIN)/python manage.py dev '$(FOLDER)' --with-parent $(ARGS)

reset: $(STAMP)
	@$(BIN)/python manage.py up --reset

# Two processes, each with servers of its own: a file's tests stay together and share what they started.
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo
	@if find templates -name '*.html' 2>/dev/null | grep -q .; then $(BIN)/djlint templates --lint --check; fi

# Exit 1: a package has a known weakness. Exit 2: the service cannot be asked, nothing is known.
audit: $(STAMP)
	@$(BIN)/python -m tests.audit

bench: $(STAMP)
	$(BIN)/python -m tests.bench

gallery: $(STAMP)
	$(BIN)/python -m tests.browser.gallery

settings-docs: $(STAMP)
	$(BIN)/python manage.py settings --markdown > docs/settings.md

error-docs: $(STAMP)
	$(BIN)/python -m cyoda.http.error_reference > docs/help/errors.md

permission-docs: $(STAMP)
	$(BIN)/python manage.py permissions --markdown > docs/permissions.md

lock: $(STAMP)
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options -o requirements.txt requirements.in
