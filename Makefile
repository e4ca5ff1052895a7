# What one does with this project; `make` lists it. Recipes longer than two lines are scripts in tools/.
.DEFAULT_GOAL := help
.PHONY: help run test test-faults test-mutations test-providers test-editors docs bench fuzz lint up down status

help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: ## Docker, a cluster and a database answer, then the pipeline runs: make run ARGS="--profile local" CLUSTER=kind
	CLUSTER=$(CLUSTER) tools/run $(ARGS)

test: ## all tests, those against a real Docker and cluster too
	tools/test

test-mutations: ## breaks the Todo Chatbot in every way of docs/mutations.md; the right gate must say so each time
	tools/test mutations

test-providers: ## the cluster step on a real minikube and a real kind: PROVIDERS="kind" for one of them
	tools/test-providers $(PROVIDERS)

test-editors: ## completion and hover of the real yaml-language-server with the schemas
	tools/test-editors

test-faults: ## kills the runner 200 times on the real cluster; each time the next run must end as if it had not been
	tools/test-faults

docs: ## writes the reference pages anew
	UPDATE=1 cargo test --locked --test docs

bench: ## the benchmarks
	tools/bench

fuzz: ## every fuzz target for a minute; FUZZ_SECONDS=600 for ten
	tools/fuzz

lint: ## format, clippy, dependencies, scripts
	tools/lint

up: ## makes Docker and a cluster answer (uses yours, or starts one)
	tools/up

down: ## stops what `make up` started, and nothing else
	tools/down

status: ## what runs, in which version, where its logs are
	tools/status
