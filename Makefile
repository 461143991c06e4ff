# make build   the static binary, target/release/stack
# make demo    build, make sure an engine runs, bring up examples/01-webapp, show its HTTPS answer
# make test    everything: unit tests, document tests, scenarios on a real engine
# make bench   `config`, `up`, `ps` and `logs` beside Docker Compose, the gateway beside HAProxy, nginx, Traefik and Caddy
# make faults  every fault at every call to the engine (the tests try a part of them)
# make engine-28       Docker Engine 28 beside this machine's own, in a network of its own
# make test-engine-28  the scenarios on it, but for those that need a network outside
# make order   which functions lie side by side in the program (needs valgrind and a quarter of an hour)
# make lint    formatting, clippy, documentation, licences

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

# A target of its own, though it is this machine's: RUSTFLAGS then leave build scripts and procedural macros alone.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
# Where the C library can read them, relocations are packed: unpacked ones are a megabyte that each process holds.
PACKED := $(shell getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ split($$2, v, "."); if (v[1] > 2 || v[2] >= 36) print "-C link-arg=-Wl,-z,pack-relative-relocs" }')
# What a process is likely to run lies side by side, in pieces as the kernel maps them: it holds half as much of the program.
# Names of the newer kind tell the instances of a generic function apart, so that only those which are run lie there.
ORDERED := -C symbol-mangling-version=v0 -C link-arg=-Wl,-T,orchestrator/order.ld -C link-arg=-Wl,-z,max-page-size=65536
# Cargo forgets the profile's `strip` for a package that has settings of its own.
STRIP = symbols
STATIC = RUSTFLAGS='-C target-feature=+crt-static -C strip=$(STRIP) $(PACKED) $(ORDERED)' cargo build --release --locked --target $(HOST)
STACK := $(CURDIR)/target/release/stack
HELLO := examples/02-hello/hello
DEMO := examples/01-webapp

.PHONY: tools build hello engine engine-28 images certs demo demo-down test test-engine-28 faults bench order lint

# What a machine with nothing but the Rust toolchain lacks.
tools:
	@integration/tools.sh cc:gcc file curl openssl

build: tools
	$(STATIC) -p orchestrator
	@mkdir -p target/release
	@cp target/$(HOST)/release/stack target/release/.stack && mv target/release/.stack target/release/stack
	@if file -L target/release/stack | grep -q 'dynamically linked'; then echo "error: target/release/stack is not static" >&2; exit 1; fi

hello: tools
	$(STATIC) -p integration --bin hello
	@cp target/$(HOST)/release/hello $(HELLO)

engine:
	@integration/engine.sh

engine-28: tools
	@integration/engine-28.sh start

images: engine
	@integration/images/make.sh

certs: tools
	@$(DEMO)/certs.sh

demo: build images certs
	cd $(DEMO) && $(STACK) up -d
	@echo
	curl --silent --show-error --fail --retry 60 --retry-delay 1 --retry-all-errors --retry-max-time 60 --include \
	  --resolve app.example.com:443:127.0.0.1 --cacert $(DEMO)/certs/cert.pem https://app.example.com/
	@echo
	@echo
	@echo "It runs. Look:       cd $(DEMO) && $(STACK) ps"
	@echo "Ask it:              curl --resolve app.example.com:443:127.0.0.1 --cacert $(DEMO)/certs/cert.pem https://app.example.com/"
	@echo "Take it down:        cd $(DEMO) && $(STACK) down        (keeps the database; add -v to drop it)"

demo-down:
	cd $(DEMO) && $(STACK) down -v

# nextest where it is installed; the same tests either way.
test: build hello
	@integration/engine.sh && integration/images/make.sh || { \
	  if [ "$${CI:-}" = true ]; then exit 1; fi; echo "no engine: the scenarios will say that they are skipped"; }
	cargo test --workspace --locked --doc
	if command -v cargo-nextest >/dev/null; then \
	  STACK_BIN=$(STACK) cargo nextest run --workspace --locked --no-fail-fast; \
	else \
	  STACK_BIN=$(STACK) cargo test --workspace --locked --no-fail-fast --bins --lib --tests; \
	fi

test-engine-28: build hello
	STACK_TEST_REQUIRE_ENGINE=1 STACK_BIN=$(STACK) integration/engine-28.sh run cargo test --locked -p integration --test scenarios -- \
	  --skip webapp:: --skip stack_takes_over

faults: build hello images
	STACK_FAULTS=all STACK_BIN=$(STACK) cargo test --locked -p integration --test scenarios faults:: -- --nocapture

bench: build images
	@python3 integration/bench/config.py
	@python3 integration/bench/up.py
	@python3 integration/bench/start.py
	@python3 integration/bench/logs.py
	@for peer in traefik caddy; do integration/peers.sh $$peer >/dev/null || true; done
	@python3 integration/bench/gateway.py

order: STRIP = none
order: images
	CARGO_TARGET_DIR=target/order $(STATIC) -p orchestrator
	python3 integration/order.py --program target/order/$(HOST)/release/stack
	@touch orchestrator/src/main.rs

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --document-private-items
	integration/deny.sh
