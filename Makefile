# Everything a contributor runs by hand. `make` alone lists the targets.
#
# `make demo`, `make test` and `make generate/docs` need Go and nothing else. `make generate`, `make lint` and `make web`
# also need npm, for buf and the page; the versions of buf, golangci-lint and grpcurl are pinned under tools/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-builtin-variables --warn-undefined-variables --no-print-directory

# Pinned tools. `go tool -n` links a tool once, keeps it in Go's build cache and prints where.
LINT    = $$(go -C tools/lint tool -n golangci-lint)
GRPCURL = $$(go -C tools/grpcurl tool -n grpcurl)
BUF     = tools/buf/node_modules/.bin/buf

WEB     = web/node_modules/.package-lock.json

# Arguments for `make run`, `make test` and `make bench`: make test ARGS='-run TestWatch ./server'.
ARGS     ?=
# How long `make fuzz` spends on each fuzz target.
FUZZTIME ?= 20s
# How long `make torture` runs.
TORTURE_TIME ?= 1h
# Tags for the program: without grpc's own traces, which nobody sees, it is an eighth smaller.
TAGS = grpcnotrace
# Flags for the race detector. SQLite, which is C translated to Go, keeps its memory where the detector cannot look,
# and to instrument it doubles the time of the tests. Locks count wherever they are taken. C's atomics do not: they
# must not hide a race of ours.
RACE = -race -gcflags=modernc.org/sqlite/lib=-race=false \
  -gcflags=modernc.org/libc/...=-race=false -gcflags=modernc.org/memory=-race=false
# What `make breaking` compares the contract with: any input that buf understands. The baseline is the contract as it
# was released last.
AGAINST  ?= $(BASELINE)
BASELINE = proto/baseline.binpb

.PHONY: all
all: check

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z\/-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### Try it

.PHONY: demo
demo: build ## See a batch of open films go through server and simulator: no account, no set-up
	@bin/stoker demo $(ARGS)

.PHONY: run
run: build ## Start the server in the foreground: make run ARGS='--queue-target 5'
	@bin/stoker serve $(ARGS)

.PHONY: build
build: ## Build bin/stoker (the first time compiles SQLite: a minute or two)
	@go build -tags=$(TAGS) -o bin/stoker ./cmd/stoker

.PHONY: grpcurl
grpcurl: ## Build the pinned grpcurl as bin/grpcurl
	@mkdir -p bin
	install -m 755 "$(GRPCURL)" bin/grpcurl

##### Test it

.PHONY: test
test: ## Run all tests; tests that need Node.js are skipped where it is missing
	@go test -timeout=20m -shuffle=on $(or $(ARGS),./...)

.PHONY: race
race: ## Run tests under the race detector: long ones shortened, half of the dispatcher's
	@go test $(RACE) -timeout=20m -short -shuffle=on $(or $(ARGS),./...)

.PHONY: test/exhaustive
test/exhaustive: ## Run all combinations of the tests that otherwise try every pair
	@STOKER_EXHAUSTIVE=1 go test -count=1 -timeout=30m ./client ./dispatcher

.PHONY: bench
bench: ## Print the figures of docs/figures.md, except the load test's, and draw docs/queue.svg; takes a quarter of an hour
	@export STOKER_FIGURES=1
	STOKER_CHART=$(CURDIR)/docs/queue.svg go test -count=1 -v -timeout=30m -run='^Test(Figures|StartRate|CostPerJob|SubmitWhileBusy|ManyRunningCostFewCalls|FreePlace)$$' ./dispatcher | grep -v level=
	go test -count=1 -v -timeout=30m -run='^TestFigures$$' ./server
	go test -count=1 -v -timeout=30m -run='^TestFigures$$' ./store/sqlite
	go test -count=1 -v -timeout=30m -run='^TestMillion$$' ./internal/e2e
	go test -count=1 -v -timeout=30m -p=1 -run='^Test(Replicas|TakeoverTimes|Failover)$$' ./internal/e2e ./store/postgres
	go test -run='^$$' -bench=. -benchmem $(or $(ARGS),./...)

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (20s)
	@grep -rHo --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]*' . |
	  while IFS=: read -r file func; do
	    echo "--- $${func#func } in $${file%/*}"
	    go test -run='^$$' -fuzz="^$${func#func }\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=1s "$${file%/*}"
	  done

.PHONY: torture
torture: ## Kill the service again and again on a faulty platform, for TORTURE_TIME (1h)
	@STOKER_TORTURE_TIME=$(TORTURE_TIME) go test -count=1 -timeout=0 -v -run='^TestTorture$$' ./internal/e2e

.PHONY: torture-replicas
torture-replicas: ## Do every fault to two services on one PostgreSQL, one after the other, for TORTURE_TIME (1h)
	@STOKER_EXHAUSTIVE=1 go test -count=1 -timeout=30m -run='^Test(Template)?Takeovers$$' ./dispatcher
	STOKER_TORTURE_REPLICAS=$(TORTURE_TIME) go test -count=1 -timeout=0 -v -run='^Test(Torture)?Replicas$$' ./internal/e2e

.PHONY: load
load: ## Measure the service with 2,000 jobs on 50 encoders; takes seven minutes
	@STOKER_LOAD=1 go test -count=1 -timeout=30m -v -run='^TestLoad$$' ./internal/e2e

.PHONY: year
year: ## Run a year of 10,000,000 jobs with retention through the job table, and print how it stays; takes an hour or two
	@STOKER_YEAR=10000000 go test -count=1 -timeout=4h -v -run='^TestYear$$' ./store/sqlite

.PHONY: page-bench
page-bench: $(WEB) ## Measure the page in Chromium: first list, 100,000 jobs, heap, and the server under 200 open pages
	@STOKER_PAGE_BENCH=1 go test -count=1 -timeout=20m -v -run='^TestBench$$' ./internal/browser

.PHONY: screenshots
screenshots: $(WEB) ## Take the pictures of the page in docs/page/
	@STOKER_SCREENSHOTS=$(CURDIR)/docs/page go test -count=1 -timeout=10m -v -run='^TestScreenshots$$' ./internal/browser

.PHONY: cover
cover: ## Measure what the tests cover: .cache/cover.html
	@mkdir -p .cache
	go test -coverpkg=./... -coverprofile=.cache/cover.out ./...
	go tool cover -html=.cache/cover.out -o .cache/cover.html
	go tool cover -func=.cache/cover.out | tail -n 1

##### Check it

.PHONY: check
check: generate/check web/check lint test ## Run everything that a commit has to pass

.PHONY: lint
lint: proto/lint ## Vet, modernise and lint; nothing is changed
	@go mod tidy -diff
	go vet ./...
	go fix -diff ./...
	"$(LINT)" run

.PHONY: fmt
fmt: $(BUF) ## Format Go and proto files and apply go fix
	@go fix ./...
	"$(LINT)" fmt
	$(BUF) format -w proto

##### Generate

.PHONY: generate
generate: $(BUF) ## Generate gen/, internal/gateway/openapi.yaml and docs/api.md from proto/
	@fresh=$$(mktemp -d)
	trap 'rm -rf "$$fresh"' EXIT
	$(BUF) generate -o "$$fresh"
	rm -rf gen
	cp -r "$$fresh/gen" gen
	cp "$$fresh/internal/gateway/openapi.yaml" internal/gateway/openapi.yaml
	cp "$$fresh/docs/api.md" docs/api.md

.PHONY: generate/docs
generate/docs: ## Write what is made from Go code: the schema of the configuration, parts of docs/architecture.md and docs/configuration.md
	@go test -count=1 -run='^TestGeneratedParts$$' ./internal/archtest -update
	go test -count=1 -run='^Test(Schema|Reference)$$' ./internal/config -update

.PHONY: generate/check
generate/check: $(BUF) ## Check that gen/, internal/gateway/openapi.yaml and docs/api.md are what proto/ generates
	@fresh=$$(mktemp -d)
	trap 'rm -rf "$$fresh"' EXIT
	$(BUF) generate -o "$$fresh"
	diff -r gen "$$fresh/gen" || { echo 'gen/ is out of date: run make generate' >&2; exit 1; }
	diff internal/gateway/openapi.yaml "$$fresh/internal/gateway/openapi.yaml" ||
	  { echo 'internal/gateway/openapi.yaml is out of date: run make generate' >&2; exit 1; }
	diff docs/api.md "$$fresh/docs/api.md" || { echo 'docs/api.md is out of date: run make generate' >&2; exit 1; }

.PHONY: web
web: $(BUF) $(WEB) ## Build web/dist, and the types of the page from proto/
	@rm -rf web/src/gen
	$(BUF) generate --template web/buf.gen.yaml
	npm run --silent --prefix web check
	npm run --silent --prefix web build

.PHONY: web/check
web/check: $(BUF) $(WEB) ## Check that web/dist is what web/src and proto/ build
	@npm run --silent --prefix web check
	fresh=$$(mktemp -d)
	trap 'rm -rf "$$fresh"' EXIT
	$(BUF) generate --template web/buf.gen.yaml -o "$$fresh"
	diff -r web/src/gen "$$fresh/web/src/gen" || { echo 'web/src/gen is out of date: run make web' >&2; exit 1; }
	npm run --silent --prefix web build -- --outDir "$$fresh/dist" --emptyOutDir --logLevel warn
	diff -r web/dist "$$fresh/dist" || { echo 'web/dist is out of date: run make web' >&2; exit 1; }

$(WEB): web/package-lock.json
	@command -v npm >/dev/null || { echo 'the page is built with npm: install Node.js first' >&2; exit 1; }
	npm ci --no-progress --prefix web >&2
	touch $@

.PHONY: proto/lint
proto/lint: $(BUF) ## Lint the contract and check its format
	@$(BUF) lint
	$(BUF) format -d --exit-code proto

.PHONY: breaking
breaking: $(BUF) ## Refuse what would break clients of the released contract, or of another: make breaking AGAINST='.git#branch=main,subdir=proto'
	@$(BUF) breaking proto --against '$(AGAINST)'

.PHONY: baseline
baseline: breaking ## Take the contract as it is for released: part of every release
	@$(BUF) build proto --exclude-source-info --path proto/stoker -o $(BASELINE)

$(BUF): tools/buf/package-lock.json
	@command -v npm >/dev/null || { echo 'buf comes from npm: install Node.js first' >&2; exit 1; }
	npm ci --no-progress --prefix tools/buf >&2
	touch $@

##### Release it

.PHONY: dist
dist: ## Build the files of a release, of all platforms, from the commit at hand, twice, and compare: dist/
	@tools/dist/build --twice dist

.PHONY: dist/check
dist/check: ## Build the files of a release for linux/amd64 from two clones, and compare: dist/
	@tools/dist/build --twice --platforms linux/amd64 dist

.PHONY: dist/test
dist/test: ## Install, start, upgrade and remove the packages in dist/ in a Debian and in an rpm root; needs root
	@tools/dist/test

.PHONY: clean
clean: ## Remove what was built; the caches of Go and npm stay
	@rm -rf bin dist .cache tools/buf/node_modules web/node_modules
