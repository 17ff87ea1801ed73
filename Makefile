# `make demo` and `make test` work on a fresh machine with Python 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test report-check proof crash drift-table docs-check reference lint clean audit audit-policies audit-environment lock locked

$(BIN)/.installed: setup.cfg pyproject.toml
	@echo "installing packages into $(VENV): one to four minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q reptiops
	touch $@

demo: $(BIN)/.installed
	$(BIN)/reptiops provision dev --sandbox --yes

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Three workers on two cores: some tests wait, as for a process or a lease.
test: lint
	$(BIN)/python -m compileall -q reptiops tests
	REPTIOPS_SAMPLE=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not proof and not browser"

# The report in headless Chromium (Debian: apt-get install chromium), judged by axe-core too where REPTIOPS_AXE names its
# axe.min.js (npm install axe-core); skips what is not there.
report-check: $(BIN)/.installed
	$(BIN)/python -m pytest -s -rs -m browser tests/test_report.py

# Calls, seconds, waiting, CPU and memory, written into docs/performance.md; PART=wall (calls, waiting, size, sandbox,
# profile) measures one part anew.
bench: $(BIN)/.installed
	$(BIN)/python -m benchmarks $(if $(PART),--part $(PART))

# The whole of what `make test` samples: hours. It goes on where it stopped; REPTIOPS_SHARD=1/4 takes a part.
proof: $(BIN)/.installed
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not proof and not browser"
	$(BIN)/python -m pytest -s -m proof

# Real processes, killed before or after a write of a provision, update, reconcile, rollback or teardown. TRIALS (of each,
# or all) and SEED choose; it goes on where it stopped, REPTIOPS_SHARD=1/4 takes a part, POINT=provision:9:after:again one.
crash: $(BIN)/.installed
	$(BIN)/python -m tests.crash --trials $(or $(TRIALS),10) $(if $(SEED),--seed $(SEED)) $(if $(POINT),--point $(POINT))

# What people do by hand, and what it is found as.
drift-table: $(BIN)/.installed
	REPTIOPS_DRIFT_TABLE=1 $(BIN)/python -m pytest -q -s tests/test_drift.py -k deed

# Every command block of README and docs/, run in a sandbox: PAGES=day-two.md takes one page.
docs-check: $(BIN)/.installed
	$(BIN)/python -m tests.docs $(PAGES)

# docs/reference.md, from the code.
reference: $(BIN)/.installed
	$(BIN)/python -m reptiops.cli.reference > docs/reference.md

# Outside judgement of every IAM policy: parliament, cloudsplaining and AWS's authorization reference; and of dev and prod in
# the sandbox: Prowler. Each in an environment of its own; Prowler's takes 2.3 GB and five minutes, so `make audit-policies`
# and `make audit-environment` do one of them.
audit: audit-policies audit-environment

audit-policies: $(BIN)/.installed
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/pip install --quiet --disable-pip-version-check -e . parliament==1.6.4 cloudsplaining==0.9.1
	$(VENV)-audit/bin/python -m tests.audit

audit-environment: $(BIN)/.installed
	$(PYTHON) -m venv $(VENV)-prowler
	$(VENV)-prowler/bin/pip install --quiet --disable-pip-version-check prowler==5.46.0
	$(BIN)/python -m tests.auditor $(VENV)-prowler/bin/prowler

# Development with exactly the files whose hashes are in the lock; `make lock` writes it anew.
locked:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $(BIN)/.installed

lock: $(BIN)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check 'pip-tools>=7.4'
	$(BIN)/pip-compile --quiet --extra dev --generate-hashes --allow-unsafe --strip-extras --no-annotate --no-header \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements-dev.lock setup.cfg

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
