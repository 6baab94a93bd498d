# `make run` starts a broker to try; `make test` is what CI runs. `make help` lists the rest.

GO      ?= go
BIN     := bin/gridmq
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
# What the whole suite may take, and one package of it.
TEST_TIMEOUT ?= 12m
FUZZ_TIME    ?= 60s
BENCH        ?= .
RUN_ARGS     ?=
# make bench: which (go run ./bench/compare -list), how often, a remark for the report, other flags.
SCENARIOS  ?=
ROUNDS     ?= 3
NOTE       ?=
BENCH_ARGS ?=
# What is compiled as the release is, which has 600 packages, is compiled once for all that do so.
ALIKE      := GOFLAGS=-trimpath CGO_ENABLED=0
DIST_ARGS  ?=

.DEFAULT_GOAL := help
.PHONY: help run build console test lint fuzz bench bench-events microbench baseline benchcmp tools javascript fmt clean dist

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build, and start a broker on 127.0.0.1:1883 that allows everything, and a secured one on 8883; data in ./data
	@$(BIN) serve --dev --quickstart --data ./data $(RUN_ARGS)

build: ## build bin/gridmq, with the console where there is Node.js
	@bash internal/scripts/console.sh try
	@$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/gridmq

console: ## build the console, which the next build of bin/gridmq embeds; needs Node.js 20 and npm
	@bash internal/scripts/console.sh must

.PHONY: console-packages
console-packages: tools
	@bash internal/scripts/console.sh packages

# The race detector sleeps at exit, for reports of other threads: a second, and here are 100 test binaries.
test: export GORACE ?= atexit_sleep_ms=50

# What is installed waits for the network, so it is done beside the checks; the console is
# built after them, as they read what it becomes part of. The packages that take longest
# begin first, so that nothing waits for one of them at the end.
test: ## vet, staticcheck and all tests with the race detector, as CI does
	@$(MAKE) --no-print-directory -j3 javascript console-packages lint
	@$(MAKE) --no-print-directory console
	$(GO) test -race -vet=off -timeout $(TEST_TIMEOUT) ./test/robustness ./store/pebble ./test/console ./...
	cd test/behaviour && $(ALIKE) $(GO) vet ./... && $(GO) test -race -vet=off -timeout $(TEST_TIMEOUT) ./...
	cd test/acme && $(ALIKE) $(GO) vet ./... && $(GO) test -race -vet=off -timeout $(TEST_TIMEOUT) ./...
	cd test/interop && $(ALIKE) $(GO) vet ./... && $(GO) test -race -vet=off -timeout $(TEST_TIMEOUT) ./...
	cd test/packaging && $(ALIKE) $(GO) vet ./... && $(ALIKE) $(GO) test -vet=off -timeout $(TEST_TIMEOUT) ./...

lint: ## gofmt, vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	$(ALIKE) $(GO) vet ./...
	$(ALIKE) $(GO) tool staticcheck ./...

dist: ## what is released, into dist/: archives, Debian packages, bills of materials, checksums (DIST_ARGS='-targets linux/arm64')
	@bash internal/scripts/console.sh must
	@GO='$(GO)' $(GO) run ./internal/dist $(DIST_ARGS)

fuzz: ## each fuzz target for a minute (FUZZ_TIME=60s)
	@GO='$(GO)' bash internal/scripts/fuzz.sh $(FUZZ_TIME)

bench: tools build ## GridMQ against Debian's mosquitto, and its events, 35 minutes (SCENARIOS=pairs,idle ROUNDS=1); see bench/README.md
	@$(GO) run ./bench/compare -gridmq $(BIN) -scenarios '$(SCENARIOS)' -rounds $(ROUNDS) -note '$(NOTE)' $(BENCH_ARGS)

bench-events: build ## the event plane only, 6 minutes: routing, HTTP, pull, push, MQTT beside bad webhooks (SCENARIOS=events-push ROUNDS=1)
	@$(GO) run ./bench/compare -gridmq $(BIN) -brokers gridmq -scenarios '$(or $(SCENARIOS),events)' -rounds $(ROUNDS) -note '$(NOTE)' $(BENCH_ARGS)

microbench: ## the benchmarks beside the code (BENCH=Match picks some)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

baseline: ## the benchmarks beside the code, ten runs into bench/baseline.txt
	@GO='$(GO)' BENCH='$(BENCH)' bash bench/micro.sh baseline

benchcmp: ## the same, compared with bench/baseline.txt, or in turn with a revision (REV=HEAD~1)
	@GO='$(GO)' BENCH='$(BENCH)' bash bench/micro.sh $(if $(REV),against $(REV),compare)

tools: ## install what the tests use besides Go (Debian's mosquitto and Node.js), when missing
	@bash internal/scripts/tools.sh

javascript: tools ## install the npm packages of the tests, when missing
	@bash internal/scripts/javascript.sh

fmt: ## format the code
	@gofmt -w $$(git ls-files -co --exclude-standard '*.go')

clean: ## remove what was built; ./data is kept
	rm -rf bin dist dashboard/dist/console
