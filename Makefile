# Everything here can be run again at any time; what is done already is skipped.
.DEFAULT_GOAL := help
.PHONY: help setup setup-hosts setup-kubernetes setup-dev lint test test-unit test-integration test-browser test-acceptance bench peers selfcheck up down status \
        lab-up lab-down lab-shell lint-hosts test-hosts test-hosts-day-two image compose-secrets test-kubernetes-unit \
        test-cloudfoundry-unit test-cloudfoundry \
        cluster-up cluster-down foundation-up foundation-down tools test-cluster test-compose test-kubernetes picture lock clean
SHELL := /bin/bash

# Say `make bench SHORT=1` for a run of about a minute, `make bench ARGS='--rate 200'` for any option of `warren bench`.
BENCH := $(if $(SHORT),--short) $(ARGS)
PYTEST := .venv/bin/pytest $(ARGS)
# In CI what failed on real brokers, hosts or a cluster gets one more try.
PROOFS := $(if $(CI),scripts/once-more) $(PYTEST)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv with all a user needs, and a RabbitMQ to run (not to start)
	@scripts/setup bench
	@scripts/system-packages rabbitmq

setup-hosts: ## .venv with Ansible and testinfra, for the stack on hosts
	@scripts/setup hosts

setup-kubernetes: ## the same with Pulumi's libraries, for the stack on Kubernetes
	@scripts/setup kubernetes

setup-dev: ## the same and what the tests need
	@scripts/setup dev
	@scripts/system-packages rabbitmq tests

bench: setup ## run the stack here, load it, write a report; SHORT=1 for a short one
	@.venv/bin/warren bench $(BENCH)

peers: setup-dev ## Dramatiq, Taskiq, RQ, stock Celery and plain pika beside ours: half an hour; ARGS='--short'
	@.venv/bin/python -m benchmarks.peers $(ARGS)

selfcheck: setup ## is what Warren measures true? with vegeta and RabbitMQ's PerfTest made first; ARGS=--short
	-@$(MAKE) --no-print-directory tools ARGS='vegeta perf-test'
	@.venv/bin/warren selfcheck $(ARGS)

up: setup ## start the stack in the background
	@.venv/bin/warren up $(ARGS)

down: ## stop it
	@.venv/bin/warren down $(ARGS)

status: ## what runs
	@.venv/bin/warren status $(ARGS)

lint: ## ruff, mypy, yamllint, shellcheck: seconds
	@scripts/setup dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy
	@.venv/bin/yamllint --strict .
	@if command -v shellcheck >/dev/null; then shellcheck scripts/* .ci/run; fi

test: setup-dev ## the app and the local stack, quick ones first; other targets have their own: test-hosts, test-kubernetes, …
	@scripts/timed unit $(PYTEST) tests/unit
	@scripts/timed integration $(MAKE) --no-print-directory test-integration
	@scripts/timed browser $(PYTEST) tests/browser
	@scripts/timed acceptance $(PYTEST) tests/acceptance

test-unit: setup-dev ## no broker needed
	@$(PYTEST) tests/unit

# Three files at a time where a broker is all they need, two where each has a whole stack: they mostly wait.
WITH_STACK := tests/integration/load tests/integration/test_faults.py tests/integration/test_local_stack.py
test-integration: setup-dev ## against a real RabbitMQ
	@$(PROOFS) --numprocesses 3 --dist loadfile --durations 10 tests/integration $(WITH_STACK:%=--ignore=%)
	@$(PROOFS) --numprocesses 2 --dist loadfile --durations 10 $(WITH_STACK)

test-browser: setup-dev ## in headless Chromium
	@$(PYTEST) tests/browser

test-acceptance: setup-dev ## end to end; ARGS='--url URL' for a stack that runs already
	@$(PYTEST) tests/acceptance

lab-up: setup-hosts ## throw-away hosts with a real systemd (as root); SUITE=bookworm for the older Debian
	@scripts/system-packages lab
	@.venv/bin/python -m tests.lab up $(if $(SUITE),--suite $(SUITE)) $(ARGS)

lab-down: setup-hosts ## take them away, whatever state they are in
	@.venv/bin/python -m tests.lab down

lab-shell: setup-hosts ## a shell on one of them: HOST=worker1
	@.venv/bin/python -m tests.lab shell $(or $(HOST),$(error which host? make lab-shell HOST=worker1))

# Half a minute, so it is not part of `make lint`.
lint-hosts: setup-dev ## ansible-lint's production profile
	@.venv/bin/ansible-lint -q ansible

DEBIAN_12 := tests/hosts_proofs/test_site.py tests/hosts_proofs/test_upgrade.py
DAY_TWO := tests/hosts_proofs/test_day_two.py
test-hosts: setup-dev ## the lab's own tests, then every proof on fresh hosts, as root; once more in short on Debian 12
	@scripts/system-packages lab
	@scripts/timed lint-hosts $(MAKE) --no-print-directory lint-hosts
	@scripts/timed lab $(PROOFS) tests/lab
	@scripts/timed hosts $(PROOFS) --durations 15 tests/hosts_proofs --ignore=$(DAY_TWO)
	@SUITE=bookworm scripts/timed hosts-bookworm $(PROOFS) $(DEBIAN_12)

test-hosts-day-two: setup-dev ## backup and restore, a broker on a new disk, removal
	@scripts/system-packages lab
	@scripts/timed day-two $(PROOFS) $(DAY_TWO)

tools: setup-dev ## compile Kubernetes, operators, Pulumi's command line, instruments of other makers, each once
	@.venv/bin/python -m tests.tools build $(ARGS)

image: setup ## the image of the stack, with docker, podman or buildah; BASE_IMAGE, PYTHON_VERSION, REGISTRY: see scripts/image
	@scripts/image

compose-secrets: setup ## passwords and the broker's configuration for compose.yaml
	@.venv/bin/python -m loadtests.compose

test-kubernetes-unit: setup-dev ## the Pulumi program's manifests, without a cluster
	@$(PYTEST) tests/kubernetes

test-cloudfoundry-unit: setup-dev ## Cloud Foundry: the client, the manifest, the Pulumi program, without a foundation
	@$(PYTEST) tests/cloudfoundry

cluster-up: setup-dev ## a throw-away Kubernetes for `pulumi up` (as root); WITH=keda,cluster-operator,metrics,policies for more
	@scripts/system-packages cluster engine
	@.venv/bin/python -m tests.cluster up $(if $(WITH),--with $(WITH)) $(ARGS)
	@.venv/bin/python -m tests.cluster stack

cluster-down: setup-dev ## take it away, whatever state it is in
	@.venv/bin/python -m tests.cluster down

foundation-up: setup-dev ## a throw-away Cloud Foundry on such a Kubernetes (as root)
	@scripts/system-packages cluster engine foundation
	@.venv/bin/python -m tests.cluster up --with metrics $(ARGS)
	@.venv/bin/python -m tests.foundation up

foundation-down: cluster-down ## take both away

test-cluster: setup-dev ## the test cluster's own tests, as root
	@scripts/system-packages cluster
	@scripts/timed cluster $(PYTEST) tests/tools tests/cluster

test-compose: setup-dev ## compose.yaml on a Docker engine of its own, as root
	@scripts/system-packages engine
	@scripts/timed compose $(PROOFS) tests/engine

test-kubernetes: setup-dev ## the program, then every proof on a real cluster, as root
	@scripts/system-packages cluster engine
	@scripts/timed tools $(MAKE) --no-print-directory tools
	@scripts/timed kubernetes-unit $(PYTEST) tests/kubernetes
	@scripts/timed kubernetes $(PROOFS) --durations 15 tests/kubernetes_proofs

test-cloudfoundry: setup-dev ## the client and the program, then every proof on a real Cloud Foundry API, as root
	@scripts/system-packages cluster engine foundation
	@scripts/timed tools $(MAKE) --no-print-directory tools
	@scripts/timed cloudfoundry-unit $(PYTEST) tests/cloudfoundry
	@scripts/timed cloudfoundry $(PROOFS) --durations 15 tests/cloudfoundry_proofs

picture: setup ## draw docs/architecture.svg from stack.yml
	@.venv/bin/python docs/picture.py

lock: setup ## pin what pyproject.toml asks for, with hashes
	@scripts/lock

clean: ## remove .venv, caches and the local stacks' folders; results stay
	@if [ -x .venv/bin/warren ]; then .venv/bin/warren down || true; fi
	@rm -rf .venv .warren .mypy_cache .ruff_cache .pytest_cache
