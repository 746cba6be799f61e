# make run    the demo: a mesh on this machine, a 4K stream, links to open
# make check  formatting, vet, staticcheck, generated files
# make test   install what the tests need, then check and all tests
# make bench  benchmarks; make fuzz  every fuzz target for FUZZTIME
# make simulate  schedules of faults against seats; make chaos  hours of it against processes
# make figures  the figures of the README, measured on this machine

SHELL      := /bin/bash
GO         ?= go
FUZZTIME   ?= 20s
BENCHTIME  ?= 1s
SCHEDULES  ?= 10000
SEED       ?= 1
RUNS       ?= 30
FOR        ?= 60s
ARTIFACTS  ?= $(CURDIR)/artifacts
COMMIT     := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS    := -X main.commit=$(COMMIT)

.PHONY: run build check test deps unit simulate e2e bench fuzz chaos figures generate

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
	@GO=$(GO) .ci/gotest $(ARTIFACTS)/unit.log -race -short -timeout 20m -- ./...

# Ten thousand schedules of partitions, pauses, crashes and skew against the leases of
# seats, and the hunt for every planted bug, without the race detector; unit runs a thousand with it. SCHEDULES and SEED
# choose others: make simulate SCHEDULES=1000000
simulate:
	@mkdir -p $(ARTIFACTS)
	@$(GO) test -count=1 -timeout 2h -v ./control/lease -run 'M1Simulate|TheCheckerFindsWhatIsPlanted' -simulate.schedules=$(SCHEDULES) -simulate.seed=$(SEED) -simulate.budget=110m > $(ARTIFACTS)/simulate.log 2>&1; status=$$?; grep -E 'schedules|FAIL|^ok' $(ARTIFACTS)/simulate.log; exit $$status

# The demo as a person runs it, with real browsers, a killed edge, an upgrade from the last release, and
# processes under faults (3 x 60 s, 200 s with what starts and heals them): alone, since they
# take the machine.
e2e: build
	@mkdir -p $(ARTIFACTS)
	@STENTOR_BINARY=$(CURDIR)/stentor STENTOR_ARTIFACTS=$(ARTIFACTS) GO=$(GO) .ci/gotest $(ARTIFACTS)/e2e.log -timeout 20m -p 1 \
		-run 'EndToEnd|Chaos|SimulcastFromThePage|AKilledEdge|APublishersEdgeThatDies' -- . ./control/web ./node/sfu

test: deps
	@mkdir -p $(ARTIFACTS)
	$(MAKE) check
	$(MAKE) unit
	$(MAKE) simulate
	$(MAKE) e2e
	@.ci/skips $(ARTIFACTS)/unit.log $(ARTIFACTS)/e2e.log
	@cat $(ARTIFACTS)/*.flaky | sed 's/^/failed once, passed twice alone: /'

bench:
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

figures: build
	$(GO) run ./bench demo

fuzz:
	@.ci/fuzz $(FUZZTIME)

# Five processes under faults: RUNS runs of FOR, from SEED on; three are part of the tests. Of a
# history that is not linearizable the smallest wrong part is printed, call by call.
chaos: build
	$(GO) run ./bench chaos --runs $(RUNS) --for $(FOR) --seed $(SEED)

generate:
	$(GO) generate ./...
