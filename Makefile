# What a checkout can do with nothing but Python 3.11 or newer; .venv is made when it is missing.
#     make demo    the whole line on a simulated stack          make test    every test
# PYTHON=/path/to/python chooses the interpreter.

BIN := .venv/bin
INSTALLED := .venv/installed
DOCS := .venv/installed-docs
PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3 python; do \
	"$$one" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$one"; break; }; done)

# An X server without a screen, and what Qt's xcb platform loads
DISPLAY_PACKAGES := xvfb xauth libegl1 libgl1 libopengl0 libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 \
	libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0

.PHONY: help demo test lint types fuzz wheel docs screenshots display clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -n 3

demo: $(INSTALLED)
	$(BIN)/napari-crimson demo

# One process takes the tests that open windows, the other the rest; -noreset: the screen stays when its last window closes.
# PYTEST="tests/test_stream.py -n 0" for some, in one process
test: $(INSTALLED) display
	@if command -v xvfb-run >/dev/null; then export QT_QPA_PLATFORM=xcb; set -- xvfb-run -a -s '-noreset -screen 0 1280x1024x24'; fi; \
	"$$@" $(BIN)/python -m pytest -n 2 $(PYTEST)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

# Hostile files, cards and recipes for an hour; SECONDS=600 for less, NUMBER=5 for other cases, ONLY="npy npz" for some readers
fuzz: $(INSTALLED)
	cd tests && ../$(BIN)/python -m fuzzing --seconds $(or $(SECONDS),3600) --number $(or $(NUMBER),0) $(if $(ONLY),--only $(ONLY))

wheel: $(INSTALLED)
	$(BIN)/python -m build --wheel

docs: $(DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# PICTURES="open_dark batch" takes some of them, INTO=/some/folder keeps them elsewhere
screenshots: $(INSTALLED) display
	@if command -v xvfb-run >/dev/null; then export QT_QPA_PLATFORM=xcb; set -- xvfb-run -a -s '-noreset -screen 0 1920x1200x24'; fi; \
	"$$@" $(BIN)/python docs/screenshots $(if $(INTO),--into "$(INTO)") $(PICTURES)

# Without these the GUI tests skip and say so; only Debian's root can be given them unasked
display:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg -s $(DISPLAY_PACKAGES) >/dev/null 2>&1; then \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get -qq update && apt-get -qq install --no-install-recommends $(DISPLAY_PACKAGES); } >/dev/null \
			|| echo "some display packages could not be installed: GUI tests may skip"; \
	fi

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with the module venv found; install one (Debian: python3-venv) \
	or name it: make PYTHON=/path/to/python"; exit 1; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	@touch $@

$(DOCS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

clean:
	rm -rf .venv build dist demo
