V := .venv
PYTHON ?= python3
PIP := $(V)/bin/python -m pip --disable-pip-version-check

.PHONY: demo test browser check docs faults nightly pins audit licences clean

# The whole environment, to the release. Where pip finds a CPU build of torch 2.13.0 that is the one; a GPU machine
# uses pip alone.
$(V)/ok: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(V)
	$(PIP) install -q -U "pip>=25.1"
	PIP_CONSTRAINT=constraints.txt $(PIP) install -q -e ".[all]" --group dev
	touch $@

# Trains the preset digits, scores it and plots it; replaces an earlier demo.
# One thread, as for the tests: at 8x8 pixels a second one waits more than it works.
demo: $(V)/ok
	@rm -rf runs/demo
	@OMP_NUM_THREADS=1 $(V)/bin/infogan train digits --out runs/demo
	@$(V)/bin/infogan evaluate runs/demo > runs/demo/evaluation.txt
	@grep -E "^(one_to_one_error|nmi) " runs/demo/evaluation.txt
	@$(V)/bin/infogan figures runs/demo > /dev/null
	@echo "pictures: runs/demo/figures; all numbers: runs/demo/evaluation.json"

# A file of tests a process, each of one thread: the tensors of the tests are small. In the order of tests/conftest.py.
test: $(V)/ok
	OMP_NUM_THREADS=1 $(V)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# The explorer's page in a real browser, which is installed where it is missing; `test` skips these then.
browser: $(V)/ok
	command -v chromium > /dev/null || apt-get install -y chromium
	OMP_NUM_THREADS=1 $(V)/bin/python -m pytest tests/test_explore_page.py tests/test_explore_server.py tests/test_export_web.py

check: $(V)/ok
	$(V)/bin/ruff format --check .
	$(V)/bin/ruff check .
	$(V)/bin/mypy

# The docs site, offline; a warning, such as a link that leads nowhere, is an error.
docs: $(V)/ok
	OMP_NUM_THREADS=1 $(V)/bin/python -m sphinx -q -W --keep-going docs docs/_build/html

# Kills, full disks, hostile files and visitors, as many as a night has time for; `test` tries a few of each.
FAULTS := tests/faults $(patsubst %,tests/test_%.py,ddp scale sweep sweep_ray encoding encoding_ray shard_batches)
faults: $(V)/ok
	OMP_NUM_THREADS=1 $(V)/bin/python -m pytest --nightly -s $(FAULTS)

# Slower than a change should wait for: the faults, what is marked `night` elsewhere, and the digits of
# docs/results/digits.md, five seeds.
SEEDS := 0 1 2 3 4
nightly: faults
	OMP_NUM_THREADS=1 $(V)/bin/python -m pytest --nightly -m night -n auto --dist loadfile tests $(FAULTS:%=--ignore=%)
	rm -rf $(SEEDS:%=runs/digits-%)
	for seed in $(SEEDS); do \
	  OMP_NUM_THREADS=1 $(V)/bin/infogan train digits --seed $$seed && $(V)/bin/infogan evaluate runs/digits-$$seed || exit 1; \
	done
	$(V)/bin/python benchmarks/results_table.py $(SEEDS:%=runs/digits-%)

# constraints.txt anew, of what is installed; its comment stays. Local versions (+cpu) are of one machine only.
pins: $(V)/ok
	grep '^#' constraints.txt > $(V)/pins
	$(PIP) freeze --all --exclude pip --exclude-editable > $(V)/freeze
	sed 's/+.*//' $(V)/freeze | LC_ALL=C sort -f >> $(V)/pins
	mv $(V)/pins constraints.txt

# Tools that look at the environment, in one of their own, so that they are not among what they look at.
A := $(V)/audit
$(A)/ok: $(V)/ok
	$(PYTHON) -m venv $(A)
	$(A)/bin/python -m pip --disable-pip-version-check install -q -U "pip>=25.1"
	$(A)/bin/python -m pip --disable-pip-version-check install -q --group audit
	touch $@

# Once a week: exit status 0 where nothing is known against the pinned releases, and, with a line that says so,
# where nobody could be asked; 1 where something is known.
audit: $(A)/ok
	@$(A)/bin/python tools/audit.py constraints.txt

# THIRD_PARTY_LICENCES.md anew, of what is installed and what pyproject.toml needs it for.
licences: $(A)/ok
	$(A)/bin/python tools/licences.py $(V)/bin/python

clean:
	rm -rf $(V) runs docs/_build docs/reference/api .mypy_cache .pytest_cache .ruff_cache .hypothesis
