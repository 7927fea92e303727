# make demo   try Dateline on the sample collection
# make test   everything that must hold before a change is kept
# make scale  how search grows with the collection: hours, 8 GB of disk
# make docs   the documentation, in site/; every warning is an error

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := DATELINE_DATA_DIR=.demo $(BIN)/dateline

.PHONY: demo test reliability scale docs wheel lock clean

demo: $(VENV)/installed
	$(DEMO) ingest eval/sample/articles
	@echo
	$(DEMO) ask "Which judge was put at the head of the inquiry into the Skerry Dawn?"
	$(DEMO) ask "At what depth did the wreck of the Skerry Dawn lie?"
	$(DEMO) ask "Why won't the Aldmoor railway use the old tunnel?"
	@echo 'Ask your own: DATELINE_DATA_DIR=.demo $(BIN)/dateline ask "..."'

test: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not alone"
	$(BIN)/python -m pytest -m alone

# the long runs of tests/reliability, each with its figures: about an hour
reliability: $(VENV)/installed-test
	DATELINE_RELIABILITY=full $(BIN)/python -m pytest -s tests/reliability

# the large runs, each with its figures: an index of 10,000, 100,000 and a million passages (recall,
# latency, memory, time to build), and what is beyond one machine, with nodes and servers killed
scale: $(VENV)/installed-test
	$(BIN)/python -m eval.scale --work .scale --json .scale/scale.json
	DATELINE_SCALE=full $(BIN)/python -m pytest -s tests/test_passage_index.py tests/test_milvus.py \
		tests/test_milvus_scale.py tests/test_ray_cluster.py tests/test_bench.py

docs: $(VENV)/installed-test
	$(BIN)/python -m mkdocs build --strict --quiet

wheel: $(VENV)/installed-test
	rm -rf build dist
	$(BIN)/python -m build --wheel

# The versions that the tests passed with; run it after a change of the dependencies.
lock: $(VENV)/installed-test
	$(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' \
		| sed 's/+.*//' > requirements.lock

$(VENV)/installed: pyproject.toml
	$(MAKE) $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-test: pyproject.toml
	$(MAKE) $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@ $(VENV)/installed

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Dateline needs Python 3.11 or newer: make PYTHON=python3.11 ...'; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) .demo .scale build dist site *.egg-info
