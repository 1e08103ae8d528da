# `make` alone lists the commands. Needs make and Python 3.11 or newer; `make controlplane` needs Go.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

# Some environments forbid writing bytecode, which makes every start three times slower.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.runtime ## investigate incidents of the embedded lab and write reports/index.html
	@started=$$(date +%s); \
	{ $(BIN)/k8srun lab runs; echo '{"runbook": "cluster-overview"}'; } \
	  | $(BIN)/k8srun batch - --lab --out reports; code=$$?; \
	echo "make demo took $$(( $$(date +%s) - started )) s"; \
	[ $$code -le 1 ] || exit $$code  # 1 = findings, which is what a broken lab is for

test: .venv/.dev ## run the tests (live ones need `make controlplane`, browser ones Debian's chromium)
	@started=$$(date +%s); $(BIN)/python -m pytest -q; code=$$?; \
	echo "make test took $$(( $$(date +%s) - started )) s"; exit $$code

check: .venv/.dev ## format, lint, types, layers, notebooks without outputs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/nbstripout --verify --keep-id $$(git ls-files '*.ipynb')

controlplane: ## build the real etcd, kube-apiserver, kube-controller-manager and registry for the live tests
	@tests/controlplane/build.sh
	@tests/registry/build.sh

differential: .venv/.dev ## compare every policy version with the real server's Pod Security, on every generated pod
	@K8SRUN_REQUIRE_LIVE=1 K8SRUN_DIFFERENTIAL=full $(BIN)/python -m pytest -q tests/live/test_pod_security_differential.py

bench: .venv/.dev ## measure collection, runs and memory as ratios
	@$(BIN)/python -m bench

jupyter: .venv/.runtime ## open JupyterLab with the runbooks
	$(BIN)/jupyter lab --notebook-dir=runbooks --ServerApp.ip=127.0.0.1 --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
	  --LabApp.default_url=/lab/tree/walkthrough/start-here.ipynb $(JUPYTER_OPTIONS)

lock: .venv/.dev ## renew the locked dependencies
	@$(BIN)/python -m tests.lock

clean: ## remove what the other commands made, the reports included
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find reports -mindepth 1 ! -name README.md -delete

.venv/.runtime: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "k8srun needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=…" >&2; exit 2; }
	@echo "Installing into .venv (once; about two minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	@echo "Installing the development tools"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-dev.txt
	@touch $@

.PHONY: help demo test check controlplane differential bench jupyter lock clean
