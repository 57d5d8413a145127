# Everything is built in one folder outside the checkout; set GHOSTDET_CACHE to move it.
GHOSTDET_CACHE ?= $(HOME)/.cache/ghostdet
export CARGO_TARGET_DIR ?= $(GHOSTDET_CACHE)/target
PORT ?= 8080
XTASK = cargo run --release -q -p xtask --

.PHONY: help demo wasm threads test arm size bench

help:
	@echo "make demo   build the page and serve it (PORT=$(PORT))"
	@echo "make threads   the modules with threads too; \`make demo\` isolates the page then"
	@echo "make test   fmt, clippy, cargo test, wasm build, browser tests"
	@echo "make arm    the library's tests on ARM (NEON), under QEMU elsewhere"
	@echo "make bench  time networks beside onnxruntime-web (needs python3 and npm)"
	@echo "make size   what a visitor downloads"

wasm:
	@tools/setup-wasm.sh
	@$(XTASK) wasm

threads: wasm
	@$(XTASK) wasm-threads

demo: wasm
	@echo
	@echo "  Open http://127.0.0.1:$(PORT)/ and click a sample photo, or \"Camera\". Ctrl-C stops."
	@echo
	@$(XTASK) serve $(PORT)

test:
	@tools/test.sh

arm:
	@tools/test-arm.sh

size: wasm
	@$(XTASK) size

bench: wasm
	@benches/run.sh
