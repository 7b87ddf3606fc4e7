V := .venv
PYTHON ?= python3
PIP := $(V)/bin/python -m pip --disable-pip-version-check

.PHONY: demo test check nightly clean

# The whole environment. The constraint keeps the CPU build of torch; a GPU machine uses pip alone.
$(V)/ok: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(V)
	$(PIP) install -q -U "pip>=25.1"
	PIP_CONSTRAINT=constraints.txt $(PIP) install -q -e ".[all]" --group dev
	touch $@

# Trains the quick preset, scores it and draws it; a demo that is there already is made anew.
demo: $(V)/ok
	rm -rf runs/demo
	$(V)/bin/infogan train digits --out runs/demo
	$(V)/bin/infogan evaluate runs/demo
	$(V)/bin/infogan figures runs/demo
	@echo "Figures are in runs/demo/figures, numbers in runs/demo/evaluation.json."

# One thread: the tensors of the tests are small, and threads that wait would cost more than they do.
test: $(V)/ok
	OMP_NUM_THREADS=1 $(V)/bin/python -m pytest -m "not nightly"

check: $(V)/ok
	$(V)/bin/ruff format --check .
	$(V)/bin/ruff check .
	$(V)/bin/mypy

nightly: $(V)/ok
	$(V)/bin/python -m pytest -m nightly

clean:
	rm -rf $(V) runs .mypy_cache .pytest_cache .ruff_cache .hypothesis
