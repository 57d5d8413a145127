# Everything is built in one folder outside the checkout; set GHOSTDET_CACHE to move it.
GHOSTDET_CACHE ?= $(HOME)/.cache/ghostdet
export CARGO_TARGET_DIR ?= $(GHOSTDET_CACHE)/target
PORT ?= 8080
# Where `make site` puts the page.
SITE ?= dist
# `make test` runs these groups of tools/test.sh.
TEST_GROUPS ?= quick gpu browser
XTASK = cargo run --release -q -p xtask --

.PHONY: help demo site wasm vendor burn threads lint test test-quick test-gpu packaging arm size bench

help:
	@echo "make demo         build the page and serve it (PORT=$(PORT)); the WebGPU module joins when it is built"
	@echo "make site         the page for any static server, bundled: the folder $(SITE)"
	@echo "make wasm         the CPU's module alone"
	@echo "make vendor       CodeMirror and Mediabunny for the page, from npm; it works without them, too"
	@echo "make burn         the WebGPU module: Burn's backend and the fused shaders in it"
	@echo "make threads      the modules with threads too; \`make demo\` isolates the page then"
	@echo "make lint         fmt, clippy, rustdoc, tsc, spelling, links, dependencies"
	@echo "make test-quick   the Rust tests that need no GPU stack and no browser"
	@echo "make test         all tests, but for Burn's GPU stack natively"
	@echo "make test-gpu     Burn's GPU stack natively (adds about twenty minutes to a cold build)"
	@echo "make packaging    the npm package in apps of every bundler (installs about 4 GB, one app after the other)"
	@echo "make arm          the core's tests on ARM (NEON), under QEMU elsewhere"
	@echo "make bench        time networks beside onnxruntime-web (needs python3 and npm)"
	@echo "make size         what a visitor downloads"

wasm:
	@tools/setup-wasm.sh
	@$(XTASK) wasm

burn:
	@tools/setup-wasm.sh
	@$(XTASK) wasm-burn

threads: wasm
	@$(XTASK) wasm-threads

vendor:
	@tools/setup-vendor.sh

demo: wasm vendor
	@echo
	@echo "  Open http://127.0.0.1:$(PORT)/. It detects a sample photo at once. Ctrl-C stops."
	@echo
	@echo "  The page runs on the CPU until the WebGPU module is built, which takes minutes the first time."
	@($(XTASK) wasm-burn || echo "The WebGPU module was not built; the page goes on with the CPU.") & exec $(XTASK) serve $(PORT)

site: wasm burn vendor
	@tools/site.sh $(SITE)

lint:
	@tools/lint.sh

test:
	@tools/test.sh $(TEST_GROUPS)

test-quick:
	@tools/test.sh quick

test-gpu:
	@tools/test.sh burn

packaging: threads burn
	@tools/setup-browser.sh
	@packaging/run.js

arm:
	@tools/test-arm.sh

size: wasm burn
	@$(XTASK) size
	@if [ -d node_modules/esbuild ]; then node tools/site/size.js; else echo "The page as built is not counted: npm ci"; fi

bench: wasm burn
	@benches/run.sh
