# What a contributor does, by name. `make help` lists it.

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK ?= golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME    ?= 2m

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build bin/canarize, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/canarize ./cmd/canarize

.PHONY: check
check: ## Check formatting, vet, and run the quick tests: the inner loop, under a minute, no API server
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) test -short -vet=off -p 4 ./app/... ./bench/... ./cmd/... ./internal/... ./test/script # some only wait

.PHONY: test
test: test-cluster-build ## Run all tests, those on a real API server included
	$(GO) test -tags integration -timeout 20m -parallel 6 ./... # releases wait more than they compute
	$(GO) -C test/cluster test ./...
	$(GO) -C test/cluster/gateway test ./...

.PHONY: test-cluster-build
test-cluster-build:
	@echo "The first time this downloads and builds etcd, kubectl and a kube-apiserver, 6 to 9 minutes on two cores; then it takes seconds." >&2
	$(GO) -C test/cluster run . build

.PHONY: cluster
cluster: ## Run a Kubernetes on this machine with gateway, Prometheus and the sample application; Linux, as root
	$(GO) -C test/cluster run . up --node --sample

.PHONY: cluster-down
cluster-down: ## End it, and leave nothing
	$(GO) -C test/cluster run . down

.PHONY: e2e
e2e: ## Prove shares under load on a real Kubernetes and a real Envoy; Linux, as root; E2E=skip leaves it out, E2E=all adds the long runs
ifeq ($(E2E),skip)
	@echo "e2e: left out, because E2E=skip"
else
	@echo "The first time this downloads and builds a Kubernetes with a node, 12 to 15 minutes on two cores; then it takes seconds." >&2
	$(GO) -C test/cluster run . build --node
	$(GO) -C test/e2e test -tags e2e -count=1 -timeout 30m -v ./...
endif

.PHONY: browser
browser: ## Drive the live page in a real Chromium, which CHROMIUM names; needs node and npm
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix test/browser
	$(GO) test -tags browser -count=1 -timeout 10m ./test/browser

.PHONY: scenarios
scenarios: ## Play every scenario of the demo with the real engine; some also through the Envoy of ENVOY, or of the test cluster if it was built
	@ENVOY=$${ENVOY:-$$($(GO) -C test/cluster run . envoy --cached 2>/dev/null || command -v envoy)}; export ENVOY; \
	test -n "$$ENVOY" || echo "scenarios: those through a real Envoy are left out; $(GO) -C test/cluster run . envoy downloads one" >&2; \
	$(GO) test -tags scenarios -count=1 -timeout 10m -parallel 5 -run TestScenarios ./internal/demo

.PHONY: race
race: ## Run the tests of the code that ships under the race detector
	$(GO) test -race ./app/... ./cmd/... ./internal/... ./test/script

.PHONY: lint
lint: ## Check formatting, vet, staticcheck, and known vulnerabilities where reachable
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	$(GO) vet -tags integration,browser,scenarios ./...
	$(GO) -C test/cluster vet ./...
	$(GO) -C test/cluster/gateway vet ./...
	$(GO) -C test/e2e vet -tags e2e ./...
	$(GO) -C test/cluster/dns vet .
	$(GO) run $(STATICCHECK) -tags integration,browser,scenarios ./...
	cd test/cluster && $(GO) run $(STATICCHECK) ./...
	cd test/cluster/gateway && $(GO) run $(STATICCHECK) ./...
	cd test/e2e && $(GO) run $(STATICCHECK) -tags e2e ./...
	@if curl -sfm 10 -o /dev/null https://vuln.go.dev/index/modules.json; then $(GO) run $(GOVULNCHECK) ./...; \
	else echo "govulncheck: the vulnerability database is out of reach, not checked"; fi

.PHONY: docs
docs: ## Write the command reference, the schema of release files, the messages and the pictures from the code; those of pages where there is a Chromium
	$(GO) test ./internal/cli -run 'TestReference|TestSchema|TestFields' -update
	$(GO) test ./internal/saying -run TestPage -update
	$(GO) test ./internal/report -run TestPictures -update
	@if git diff --quiet "$$(git log -1 --format=%H -- docs/demo.png)" -- internal/page internal/look; then \
	  echo "docs: the pages look as in their pictures"; \
	elif command -v "$${CHROMIUM:-chromium}" >/dev/null; then \
	  npm ci --silent --ignore-scripts --no-audit --no-fund --prefix test/browser && \
	  $(GO) test -tags browser -count=1 -timeout 5m ./test/browser -run TestPictures -update; \
	else echo "docs: the pictures of pages stay as they are, because there is no Chromium"; fi

.PHONY: fuzz
fuzz: ## Fuzz every parser for FUZZTIME each
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do \
	  sed -nE 's/^func (Fuzz[A-Za-z0-9]*).*/\1/p' "$$file" | while read -r name; do \
	    echo "$$name ($$(dirname "$$file"))"; \
	    $(GO) test "$$(dirname "$$file")" -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) | tail -3 || exit 1; \
	  done || exit 1; done

.PHONY: bench
bench: ## Measure speed and memory and write them into docs/benchmarks.md
	$(GO) run ./bench

.PHONY: bench-decisions
bench-decisions: ## Measure how well canarize decides, beside its peers, and write docs/benchmarks.md
	$(GO) run ./bench/decisions

.PHONY: bench-public
bench-public: ## Measure the same on public data in the folder DATA; without DATA it says where to get it
	$(GO) run ./bench/public -data '$(DATA)'

.PHONY: clean
clean: ## Remove what was built here
	rm -rf bin
