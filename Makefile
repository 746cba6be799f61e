# make run    the demo: a mesh on this machine, a 4K stream, links to open
# make check  formatting, vet, staticcheck, generated files
# make test   install what the tests need, then check and all tests
# make bench  benchmarks; make fuzz  every fuzz target for FUZZTIME
# make figures  the figures of the README, measured on this machine

SHELL      := /bin/bash
GO         ?= go
FUZZTIME   ?= 20s
BENCHTIME  ?= 1s
ARTIFACTS  ?= $(CURDIR)/artifacts
COMMIT     := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS    := -X main.commit=$(COMMIT)

.PHONY: run build check test deps unit e2e bench fuzz figures generate

run: build
	./stentor demo

build:
	$(GO) build -ldflags '$(LDFLAGS)' -o stentor .

check:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# What is missing is installed where that is possible; a test that still lacks
# something skips, says so, and is counted by `make test`.
deps:
	@.ci/deps

unit:
	@mkdir -p $(ARTIFACTS)
	@$(GO) test -race -short -v -count=1 -timeout 20m ./... > $(ARTIFACTS)/unit.log 2>&1; status=$$?; \
	grep -E '^(ok|FAIL|panic:|#|[a-z/_]+\.go:)|--- FAIL' $(ARTIFACTS)/unit.log; \
	if [ $$status -ne 0 ]; then grep -B 40 -- '--- FAIL' $(ARTIFACTS)/unit.log | tail -n 200; fi; exit $$status

# The demo as a person runs it, with a real browser, and a mesh of processes that is
# tormented: alone, since both take the machine.
e2e: build
	@mkdir -p $(ARTIFACTS)
	STENTOR_BINARY=$(CURDIR)/stentor STENTOR_ARTIFACTS=$(ARTIFACTS) $(GO) test -count=1 -timeout 20m -v -run 'EndToEnd|Chaos' . 2>&1 | tee $(ARTIFACTS)/e2e.log; exit $${PIPESTATUS[0]}

test: deps
	@mkdir -p $(ARTIFACTS)
	$(MAKE) check
	$(MAKE) unit
	$(MAKE) e2e
	@.ci/skips $(ARTIFACTS)/unit.log $(ARTIFACTS)/e2e.log

bench:
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

figures: build
	$(GO) run ./bench demo

fuzz:
	@.ci/fuzz $(FUZZTIME)

generate:
	$(GO) generate ./...
