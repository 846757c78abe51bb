# Everything a developer or CI does here, by name; `make` alone lists it.

.DEFAULT_GOAL := help
# `make -j` must not run the server tests beside the build that they need.
.NOTPARALLEL:

FUZZ_SECONDS ?= 60
SEEDS ?= 10000
PORT ?= 6379
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
MODULE := $(TARGET)/release/libinval.so
SOAK_MINUTES ?= 30
RACE_MINUTES ?= 5
# What `make bench` runs, from its arguments or the environment.
BENCH_ROWS := $(or $(ROWS),$(BENCH_ROWS))
BENCH_KEYS := $(or $(KEYS),$(BENCH_KEYS))
BENCH_ROUNDS := $(or $(ROUNDS),$(BENCH_ROUNDS))
# A part of the benches is no page of the documentation.
BENCH_OUT ?= $(if $(BENCH_ROWS)$(BENCH_KEYS)$(BENCH_ROUNDS),$(TARGET)/bench,docs)

# As cargo's runner, valgrind gets the test binary wherever cargo puts it.
# "Possibly lost" is left out: the test harness alone, with no test of ours, has some.
VALGRIND = valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite

.PHONY: help deps build tools top report run demo test check unit runtimes server test-servers model kill once soak race fuzz valgrind bench bench-smoke peers bench-tools bench-server micro structures clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

deps: ## install what is missing: redis-server, libclang, a C compiler (Debian, Ubuntu)
	@.ci/deps.sh

build: deps ## build the module: target/release/libinval.so
	cargo build --release

run: build ## start a server with the module, to try it by hand (PORT=6379)
	@PORT='$(PORT)' INVAL_MODULE='$(MODULE)' examples/run.sh

tools: deps ## build inval-top and inval-report: target/release/
	cargo build --release -p inval-tools

top: tools ## watch a server, as htop does (PORT=6379)
	@'$(TARGET)/release/inval-top' 'redis://127.0.0.1:$(PORT)'

report: tools ## write a page about a server: inval-report.html (PORT=6379)
	@'$(TARGET)/release/inval-report' 'redis://127.0.0.1:$(PORT)'

demo: build ## a badge is minted: stream, mapping, rule, deletion, worker, step by step
	cargo build --release --example warm_worker
	@INVAL_MODULE='$(MODULE)' INVAL_WORKER='$(TARGET)/release/examples/warm_worker' examples/demo.sh

test: deps check unit server ## check, unit and server: what CI runs

check: ## formatting and lints, with the module and without
	cargo fmt --all --check
	cargo clippy --all-targets --all-features -- -D warnings
	cargo clippy --all-targets --no-default-features -- -D warnings
	cargo clippy -p inval-tools --all-targets -- -D warnings

unit: ## unit, property and doc tests; need neither Redis nor libclang
	cargo test --no-default-features
	cargo test -p inval-tools --lib --bins

runtimes:
	@.ci/deps.sh python3-venv nodejs npm

server: runtimes ## tests against a real server (INVAL_SERVER=path of its binary)
	cargo test --features faults --no-fail-fast
	cargo build --features faults
	INVAL_MODULE='$(TARGET)/debug/libinval.so' cargo test -p inval-tools --test server --test grafana

test-servers: deps test-on-redis-8.2.3 test-on-valkey-8.0.1 ## the server tests on Redis 8.2.3 and Valkey 8.0.1

test-on-%:
	@s=$$(tests/servers/get.sh $*) && echo "== server tests on $*: $$("$$s" --version)" && INVAL_SERVER=$$s $(MAKE) --no-print-directory server

kill: ROUNDS ?= 100
kill: ## kill -9 rounds (ROUNDS=100)
	INVAL_KILL_ROUNDS=$(ROUNDS) cargo test --features faults --test faults -- --ignored --nocapture

once: ROUNDS ?= 100
once: FAILOVERS ?= 20
once: ## entries of streams, each taken once across kill -9 and failover (ROUNDS=100 FAILOVERS=20)
	INVAL_KILL_ROUNDS=$(ROUNDS) INVAL_FAILOVERS=$(FAILOVERS) cargo test --features faults --test sources -- --ignored --nocapture

soak: ## mixed load at a steady rate: is memory flat and the index right? (SOAK_MINUTES=30)
	INVAL_SOAK_MINUTES=$(SOAK_MINUTES) cargo test --release --test soak -- --ignored --nocapture

race: ## hunt stale reads: writers, readers, an observer, and killed clients (RACE_MINUTES=5)
	INVAL_RACE_MINUTES=$(RACE_MINUTES) cargo test --release --test race -- --ignored --nocapture

fuzz: ## feed the parsers random input (FUZZ_SECONDS=60)
	INVAL_FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --release --no-default-features --test fuzz -- --ignored --nocapture

model: ## random histories against a naive model (SEEDS=10000)
	INVAL_MODEL_SEEDS=$(SEEDS) cargo test --features faults --test model -- --ignored --nocapture

micro: ## benchmarks of the core (ONLY=part of a name)
	cargo bench --no-default-features --bench micro -- $(ONLY)

structures: ## compare structures for names and patterns; rewrites docs/structures.md
	cargo bench --no-default-features --bench structures

valgrind: ## the unit tests under valgrind's memory checker
	@.ci/deps.sh valgrind
	PROPTEST_CASES=8 cargo test --no-default-features --lib --config 'target."cfg(unix)".runner="$(VALGRIND)"'

bench: build peers bench-tools bench-server ## speed and size against bars and peers (ROWS=get,needle KEYS=100000 ROUNDS=3: a part, fast)

bench-smoke: build ## the whole of bench in a minute (peers if installed): does it run?
	@$(MAKE) --no-print-directory bench-server KEYS=10000 ROUNDS=1 BENCH_OUT='$(TARGET)/bench'

peers:
	@benches/peers/install.sh '$(TARGET)/bench-peers'

bench-tools:
	@.ci/deps.sh valgrind

bench-server:
	@INVAL_MODULE='$(MODULE)' BENCH_PEERS='$(TARGET)/bench-peers' BENCH_OUT='$(BENCH_OUT)' \
	BENCH_ROWS='$(BENCH_ROWS)' BENCH_KEYS='$(BENCH_KEYS)' BENCH_ROUNDS='$(BENCH_ROUNDS)' \
	cargo bench -q --bench server

clean: ## delete all that was built or fetched
	cargo clean
