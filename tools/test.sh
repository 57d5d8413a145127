#!/bin/sh
# All checks in one go; ends with one line of counts.
set -eu
cd "$(dirname "$0")/.."
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# Runs a command, shows and keeps what it prints, fails if it does.
keep() {
    name=$1
    shift
    echo "== $name: $*"
    { "$@" 2>&1 || echo failed >"$log/$name.failed"; } | tee "$log/$name"
    [ ! -e "$log/$name.failed" ] || { echo "FAILED: $name"; exit 1; }
}

tools/setup-wasm.sh
tools/setup-browser.sh
keep fmt cargo fmt --all --check
keep clippy cargo clippy --release --workspace --all-targets --features ghostdet-cli/train,ghostdet-cli/gpu -- -D warnings
keep cargo cargo test --release --workspace --features ghostdet-cli/train
keep wasm cargo run --release -q -p xtask -- wasm
keep threads cargo run --release -q -p xtask -- wasm-threads
keep types node_modules/.bin/tsc -p www/tsconfig.json
keep browser node --test --test-concurrency=1 tests/browser/*.test.js

rust=$(awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 } END { print passed + 0, failed + 0, ignored + 0 }' "$log/cargo")
pick() { awk -v key="$1" '$2 == key { print $3 }' "$log/browser" | tail -n1; }
set -- $rust
browser=$(pick pass)
echo "ghostdet: $(($1 + ${browser:-0})) tests passed ($1 Rust, ${browser:-0} browser), $(($2 + $(pick fail))) failed," \
    "$(($3 + $(pick skipped))) skipped"
