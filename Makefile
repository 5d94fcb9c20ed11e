# Every target sets up what it needs; on a fresh Debian or Ubuntu machine start with `make demo` or `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := $(CURDIR)/.venv
export VIRTUAL_ENV := $(VENV)
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
PYTHON_FILES := plugins tests molecule noxfile.py
REHEARSED := $(CURDIR)/inventories/demo
SIGNED := $(CURDIR)/inventories/demo/.lab/signed/inventories/demo

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | column -t -s $$'\t'

.PHONY: setup
setup: ## the controller: Python environment, and a container engine for the lab
	@molecule/setup.sh

.PHONY: lab
lab: setup ## bring up a fresh lab country
	molecule reset --scenario-name default >/dev/null
	molecule destroy --scenario-name default
	molecule create --scenario-name default

.PHONY: clean-lab
clean-lab: setup ## remove every container, network and volume of the lab and of the tests, and nothing else
	molecule destroy --scenario-name default
	ansible-playbook molecule/default/destroy.yml -e @molecule/default/vars/rehearsal.yml -e lab_found_by=dfr.golive.lab=1

.PHONY: demo
demo: lab ## a rehearsal on a clone, the three teams' signatures by the lab's keys, the go-live; then where the report is
	ansible-playbook playbooks/prepare.yml
	python molecule/default/signoffs.py lay-out
	$(MAKE) --no-print-directory rehearse REHEARSED="$(SIGNED)"
	python molecule/default/signoffs.py sign
	ansible-playbook golive.yml -i "$(SIGNED)" -e golive_artifacts_dir="$(CURDIR)/artifacts"
	@python tests/demo_summary.py artifacts/demo/latest/report.json

.PHONY: rehearse
rehearse: setup ## the whole plan on an isolated clone of the running lab, made anew; then what it came to
	@started=$$SECONDS; ansible-playbook molecule/default/destroy.yml -e @molecule/default/vars/rehearsal.yml && \
	  ansible-playbook molecule/default/create.yml -e @molecule/default/vars/rehearsal.yml \
	    -e @inventories/demo-rehearsal/group_vars/all/rehearsal.yml && \
	  molecule/default/clone.sh && \
	  ansible-playbook playbooks/rehearse.yml -i inventories/demo-rehearsal \
	    -e golive_rehearsal_of="$(REHEARSED)" -e golive_rehearsal_clone_seconds=$$((SECONDS - started))

.PHONY: lint
lint: setup ## formatters, ruff, mypy, ansible-lint, antsibull checks
	ruff format --check $(PYTHON_FILES)
	ruff check $(PYTHON_FILES)
	cd .collections && mypy --config-file ../pyproject.toml -p ansible_collections.dfr.golive.plugins
	yamllint --strict .
	ansible-lint --offline
	antsibull-changelog lint
	cd .collections/ansible_collections/dfr/golive && antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self .
	nox --no-venv -s license-check extra-checks
	shellcheck molecule/setup.sh molecule/default/*.sh molecule/default/parts/*.sh molecule/default/images/registry/bake.sh tests/*.sh tests/pages/setup.sh .ci/run

.PHONY: translations
translations: setup ## bring what people read into the catalogues, and the catalogues into the collection
	python tests/translations.py

.PHONY: sanity
sanity: setup ## ansible-test sanity
	tests/sanity.sh

.PHONY: unit
unit: setup ## unit tests
	pytest tests/unit

.PHONY: pages
pages: setup ## what people read, in a real browser: opened offline, on a phone, read aloud, printed; pictures in artifacts/pages
	tests/pages/setup.sh
	pytest tests/pages

.PHONY: integration
integration: setup ## tests against the running lab
	pytest tests/integration

.PHONY: majors
majors: setup ## a sync between major versions of PostgreSQL, 13 to 18; their images are made once
	pytest tests/majors

.PHONY: runner
runner: setup ## a go-live as AWX plays it, on a lab of its own: containers that are thrown away, one of them killed
	$(MAKE) --no-print-directory lab
	ansible-playbook playbooks/prepare.yml
	PYTHONPATH=tests/runner:tests/stories pytest -q tests/runner

.PHONY: awx
awx: setup ## what AWX needs, made and removed against a stand-in for its API
	PYTHONPATH=tests/awx pytest -q tests/awx

DOCS := $(CURDIR)/artifacts/docs
.PHONY: docs
docs: setup ## the documentation as a site in artifacts/docs/html; a warning is an error
	rm -rf $(DOCS)
	mkdir -p $(DOCS)/source/reference
	cp -r docs/site/. docs/*.md docs/*.json $(DOCS)/source
	antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --dest-dir $(DOCS)/source/reference dfr.golive
	sphinx-build --quiet --fail-on-warning --keep-going --nitpicky $(DOCS)/source $(DOCS)/html
	@echo $(DOCS)/html/index.html

.PHONY: test
test: setup ## everything: lint, sanity, unit, lab, stories
	tests/run.sh

.PHONY: chaos
chaos: setup ## the fault campaign on a lab of its own, as artifacts/chaos.json; SAMPLE=40 SEED=7 CASES='regex' MINUTES=60
	python tests/chaos/run.py --sample "$(or $(SAMPLE),0)" --seed "$(or $(SEED),0)" --cases "$(CASES)" --minutes "$(or $(MINUTES),0)"

.PHONY: bench
bench: setup ## the measurements, as artifacts/bench.json; BENCH=verify SIZES=50MB,1GB chooses some
	BENCH="$(BENCH)" SIZES="$(SIZES)" PYTHONPATH=tests/integration python tests/bench/run.py
