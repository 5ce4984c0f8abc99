# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Each target sets up what it needs, so that every one of them works first on a fresh clone.
# All that is made goes below build/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
PACKAGE := ansible_collections.cryptokey.wireguard
COLLECTION := build/collections/ansible_collections/cryptokey/wireguard
OLDEST := PATH="$(CURDIR)/build/venv-oldest/bin:$$PATH"
INVENTORY := build/lab/inventory.yml
# Tests of provisional changes wait for their timeouts, which takes too long for every run. See make kernels.
LONG := confirm
# The version of the script that draws diagrams.
MERMAID := 11.17.2
# The version of the script that looks for faults that keep people out.
AXE := 4.14.1
PARTS := lint sanity unit docs package kernel molecule
SCENARIOS := $(patsubst molecule/%/molecule.yml,scenario-%,$(wildcard molecule/*/molecule.yml))
NIGHTLY := lint sanity sanity-oldest sanity-newest unit oldest newest docs package kernels $(SCENARIOS) faults

export PYTHON
export PATH := $(CURDIR)/build/venv/bin:$(PATH)
export LC_ALL := C.UTF-8
export PYTHONPATH :=
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/build/cache/hypothesis
export MOLECULE_GLOB := molecule/*/molecule.yml

.PHONY: help site lab lab-down test nightly lint sanity sanity-oldest sanity-newest unit oldest newest docs package
.PHONY: kernel kernels molecule scenarios faults bench changelog release publish clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

# --- see it work ---

site: lab ## boot a hub and its spokes as VMs, run playbooks/site.yml and print the table of tunnels
	ansible-playbook -i $(INVENTORY) playbooks/site.yml
	ansible-playbook -i $(INVENTORY) playbooks/status.yml

lab: build/stamp/lab ## boot the VMs and write an inventory for them to build/lab/inventory.yml
	python tests/lab up

lab-down: build/stamp/lab ## stop and remove the VMs
	python tests/lab down

# --- tests ---

test: build/stamp/venv ## run what every change must pass: lint, sanity, unit, docs, package, kernel, molecule
	@python tests/parts.py $(PARTS)

nightly: build/stamp/venv ## run everything, for hours: also the oldest and newest ansible-core, kernels, scenarios, faults
	@python tests/parts.py $(NIGHTLY)

lint: build/stamp/venv build/stamp/lint ## check style, types, metadata, licences, and that Python 3.9 can read what runs on managed nodes
	ruff check
	ruff format --check
	MYPYPATH=build/collections mypy -p $(PACKAGE).plugins -p $(PACKAGE).tests | sed 's#^$(COLLECTION)/##'
	mypy docs/conf.py
	shellcheck .ci/run $$(git ls-files -co --exclude-standard '*.sh')
	vermin --quiet --violations --target=3.9- plugins/modules plugins/module_utils tests/kernel
	yamllint --strict .
	ansible-lint
	antsibull-changelog lint
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self .
	reuse lint --quiet || reuse lint --lines
	python tests/plain_english.py
	@echo lint: ok

sanity: build/stamp/venv build/stamp/lint ## run ansible-test's sanity tests
	bash tests/sanity/run.sh

unit: build/stamp/venv build/stamp/unit ## run the pure tests
	pytest tests/unit --numprocesses auto --junit-xml=build/junit/unit.xml

oldest: build/stamp/oldest build/stamp/unit ## run the pure tests with the oldest ansible-core that meta/runtime.yml allows
	$(OLDEST) pytest tests/unit --numprocesses auto --junit-xml=build/junit/oldest.xml

sanity-oldest: build/stamp/oldest build/stamp/lint ## run the sanity tests of the oldest ansible-core
	$(OLDEST) bash tests/sanity/run.sh

newest: build/stamp/venv build/stamp/unit ## run the pure tests with the newest ansible-core, where there is a Python for it
	@tests/newest.sh $@ pytest tests/unit --numprocesses auto --junit-xml=build/junit/newest.xml

sanity-newest: build/stamp/venv build/stamp/lint ## run the sanity tests of the newest ansible-core
	@tests/newest.sh $@ bash tests/sanity/run.sh

docs: build/stamp/venv build/stamp/docs build/cache/mermaid.min.js build/cache/axe.min.js ## build the module reference and the guides to build/docs/html, and look at each page, and at status pages, in a browser
	@rm -rf build/docs && mkdir -p build/docs && cp -r docs build/docs/source
	@cp build/cache/mermaid.min.js build/docs/source/_static
	@install -d -m 755 build/docs/source/reference
	antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --cleanup everything \
	    --dest-dir build/docs/source/reference cryptokey.wireguard
	@rm -f build/docs/source/reference/_*.rst && sed -i -E '/^(    |\* :ansplugin:`)_/d' build/docs/source/reference/index.rst
	sphinx-build -q -W --keep-going build/docs/source build/docs/html
	pytest tests/docs tests/page --junit-xml=build/junit/docs.xml
	@echo docs: build/docs/html/index.html

package: build/stamp/venv ## build the tarball, install it elsewhere, check it as Galaxy does, run the README's commands
	bash tests/package.sh

kernel: build/stamp/lab ## run the tests against a real kernel, in one VM
	python tests/lab kernel --also-pyroute2 all $(LONG:%=--ignore=tests/kernel/test_%.py)

kernels: build/stamp/lab ## run them on three kernels, each with five versions of pyroute2, and print a table
	python tests/lab kernel --memory 1024 --flavour all --pyroute2 all --report build/kernels.json --pairs 500 --triples 2000 --causes 100 --collections 1000

molecule: build/stamp/lab ## run the Molecule scenario hub_and_spoke, on VMs
	molecule test --scenario-name hub_and_spoke

# Not molecule test --all, which ends with the first failure.
scenarios: build/stamp/venv ## run all Molecule scenarios: hub_and_spoke, multi_hub, mesh, adopt, confirm, rotate, policy, observe
	@python tests/parts.py $(SCENARIOS)

scenario-%: build/stamp/lab
	molecule test --scenario-name $*

faults: build/stamp/lab ## kill runs at each of their calls, break the host in every way, print what was survived, and write it to build/faults.json
	python tests/faults

bench: build/stamp/lab build/stamp/bench ## measure, and write the numbers to build/bench.json
	python tests/bench

clean: ## stop the VMs and remove all that was made
	if [[ -e build/stamp/lab ]]; then python tests/lab down --below build; fi
	rm -rf build

# --- releases ---

changelog: build/stamp/venv ## move changelogs/fragments into CHANGELOG.md, for the version in galaxy.yml
	python tests/release.py changelog

release: build/stamp/venv ## check that version, changelog and tag agree, and build and check the tarball
	antsibull-changelog lint
	python tests/release.py check
	bash tests/package.sh
	@echo release: build/package/cryptokey-wireguard-*.tar.gz

publish: release ## do that, and publish the tarball on Ansible Galaxy with the token in GALAXY_TOKEN
	bash tests/publish.sh build/package/cryptokey-wireguard-*.tar.gz

# --- set-up ---

build/stamp/venv: requirements-dev.txt tests/setup.sh
	@mkdir -p build/stamp $(dir $(COLLECTION)) && ln -sfn $(CURDIR) $(COLLECTION)
	@flock build/stamp tests/setup.sh python
	@echo "Setting up build/venv"
	@[[ -e build/venv/bin/pip ]] || $(PYTHON) -m venv build/venv
	@pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

# On top of the rest, of which ansible-lint asks for a newer one: pip says so, and goes on.
build/stamp/oldest: build/stamp/venv meta/runtime.yml
	@$(PYTHON) -m venv build/venv-oldest
	@build/venv-oldest/bin/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@build/venv-oldest/bin/pip install --quiet --disable-pip-version-check \
	    "ansible-core~=$$(sed -nE "s/^requires_ansible: '>=(.*)'/\1/p" meta/runtime.yml)"
	@touch $@

build/stamp/%: tests/setup.sh
	@mkdir -p build/stamp
	@flock build/stamp tests/setup.sh $*
	@touch $@

build/stamp/lab: build/stamp/venv

# What draws the diagrams in the HTML pages, so that they ask no other host for it.
build/cache/mermaid.min.js: build/stamp/docs
	@mkdir -p build/cache
	@cd build/cache && tar -xzf "$$(npm pack --silent mermaid@$(MERMAID))" --strip-components=2 package/dist/mermaid.min.js
	@touch $@

# What finds, in a page, what keeps people out who cannot see it or have no mouse.
build/cache/axe.min.js: build/stamp/docs
	@mkdir -p build/cache
	@cd build/cache && tar -xzf "$$(npm pack --silent axe-core@$(AXE))" --strip-components=1 package/axe.min.js
	@touch $@
