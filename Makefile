# make demo   everything from nothing: environment, data, detectors, metrics, report/report.pdf
#             make demo ONLY="padim motion": with these detectors alone, as an experiment
# make test   the tests        make lint   ruff        make benchmark   frames per second and memory
# make scale  how time and memory grow with the data, by stage
# make app    the results in a browser: http://localhost:8501
# make verify every output against its checksum     make mend   deletes what is damaged
# make faults a small run whose stages are killed and whose files are damaged
.PHONY: demo test lint docs lock package benchmark scale app verify mend faults setup tex clean
PYTHON ?= python3
BIN := .venv/bin
# The stages run as 'python -m stages.<name>': the environment's python must come first.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

RUN := repro
ifdef ONLY
DETECTORS := $(shell sed -n '/^detectors:/,/^$$/s/^  \([a-z_]*\):.*/\1/p' params.yaml)
ifneq ($(filter-out $(DETECTORS),$(ONLY)),)
$(error ONLY: there is no detector '$(filter-out $(DETECTORS),$(ONLY))'; choose from $(DETECTORS))
endif
RUN := exp run $(foreach name,$(DETECTORS),-S detectors.$(name)=$(if $(filter $(name),$(ONLY)),true,false))
endif

demo: setup tex
	@$(BIN)/python -m stages.check_data
	$(BIN)/dvc $(RUN)
	@$(BIN)/python -m stages.show_results

# A file's tests stay together: they share what it computed once.
test: setup
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup
	$(BIN)/mkdocs build --quiet --strict

benchmark: setup
	$(BIN)/python -m stages.benchmark

scale: setup
	$(BIN)/python -m stages.benchmark_scale --json docs/results/scale.json

app: setup
	$(BIN)/python -m app

verify: setup
	$(BIN)/python -m stages.verify

mend: setup
	$(BIN)/python -m stages.verify --mend

faults: setup
	$(BIN)/python -m tests.faults

setup: .venv/ready
.venv/ready: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

# A TeX engine, where there is none and the system's packages can be installed; the pipeline runs without one as well.
TEX_PACKAGES := latexmk texlive-latex-base texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended lmodern
tex:
	@if { command -v latexmk || command -v pdflatex || command -v tectonic; } >/dev/null; then :; \
	elif command -v apt-get >/dev/null && test "$$(id -u)" = 0; then \
		echo "installing a TeX engine (apt-get): $(TEX_PACKAGES)"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEX_PACKAGES) >/dev/null; \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then \
		echo "installing a TeX engine (sudo apt-get): $(TEX_PACKAGES)"; \
		sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEX_PACKAGES) >/dev/null; \
	else echo "no TeX engine: the report stays a .tex file; install latexmk and TeX Live, or tectonic, for the PDF"; fi

clean:
	rm -rf .venv .pytest_cache .ruff_cache data/.cache data/.remote

# The exact versions of everything, from what pyproject.toml asks for; what is pinned already stays unless it must move.
# torch pins the CUDA packages that its own build needs, so that a CPU build of torch brings none.
lock: setup
	$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --quiet --no-header --no-annotate \
		--constraint requirements.txt --output-file .lock.txt
	@{ echo "# Compiled from pyproject.toml by 'make lock': the same versions give the same bytes. Python 3.11 or newer."; \
	grep -vE '^(nvidia-|triton|cuda-)' .lock.txt; } > requirements.txt && rm .lock.txt

# The package in a clean environment of its own, away from this folder: scores a video with the bundle that was made.
package: setup
	rm -rf .package && $(PYTHON) -m venv .package
	grep -E '^[a-zA-Z0-9_.-]+==' requirements.txt > .package/constraints.txt
	.package/bin/pip install --quiet --disable-pip-version-check --constraint .package/constraints.txt '.[serve]'
	! .package/bin/python -c 'import dvc' 2>/dev/null
	! .package/bin/python -c 'import streamlit' 2>/dev/null
	cd .package && bin/vad score ../data/campus-sim/training/videos/01_001.avi --bundle ../data/bundle --scene 01 --out scores --print none
	test "$$(wc -l < .package/scores/scores.csv)" -gt 100
	rm -rf .package
