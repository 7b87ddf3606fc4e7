V := .venv
PYTHON ?= python3
PIP := $(V)/bin/python -m pip --disable-pip-version-check

.PHONY: demo test browser check nightly clean

# The whole environment. The constraint keeps the CPU build of torch; a GPU machine uses pip alone.
$(V)/ok: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(V)
	$(PIP) install -q -U "pip>=25.1"
	PIP_CONSTRAINT=constraints.txt $(PIP) install -q -e ".[all]" --group dev
	touch $@

# Trains the quick preset, scores it and draws it; a demo that is there already is made anew.
# One thread, as for the tests: at 8x8 the second one waits more than it works.
demo: $(V)/ok
	rm -rf runs/demo
	OMP_NUM_THREADS=1 $(V)/bin/infogan train digits --out runs/demo
	$(V)/bin/infogan evaluate runs/demo
	$(V)/bin/infogan figures runs/demo
	@echo "Figures are in runs/demo/figures, numbers in runs/demo/evaluation.json."

# One thread: the tensors of the tests are small, and threads that wait would cost more than they do.
test: $(V)/ok
	OMP_NUM_THREADS=1 $(V)/bin/python -m pytest

# The explorer's page in a real browser, which is installed where it is missing; `test` skips these then.
browser: $(V)/ok
	command -v chromium > /dev/null || apt-get install -y chromium
	OMP_NUM_THREADS=1 $(V)/bin/python -m pytest tests/test_explore_page.py tests/test_export_web.py

check: $(V)/ok
	$(V)/bin/ruff format --check .
	$(V)/bin/ruff check .
	$(V)/bin/mypy

# Slower than a change should wait for: the digits of docs/results.md, five seeds.
SEEDS := 0 1 2 3 4
nightly: $(V)/ok
	rm -rf $(SEEDS:%=runs/digits-%)
	for seed in $(SEEDS); do \
	  OMP_NUM_THREADS=1 $(V)/bin/infogan train digits --seed $$seed && $(V)/bin/infogan evaluate runs/digits-$$seed || exit 1; \
	done
	$(V)/bin/python benchmarks/results.py $(SEEDS:%=runs/digits-%)

clean:
	rm -rf $(V) runs .mypy_cache .pytest_cache .ruff_cache .hypothesis
