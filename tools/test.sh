#!/bin/sh
# Tests, by groups: `tools/test.sh GROUP…`. Goes through all of them, prints the counts, fails if anything failed.
#
#   quick   Rust: core, command line, trainer. Needs no GPU stack and no browser.
#   gpu     Rust: the core's GPU executor through wgpu, on any Vulkan driver.
#   browser the wasm modules, the page and the npm package, in Chromium; in Firefox and WebKitGTK, too, where they are installed.
#   burn    Rust: Burn's GPU stack natively and the command line on it, on any Vulkan driver. Adds about twenty minutes to a
#           cold build.
#   native  quick, gpu and burn in one build with all features: shorter than one after the other.
set -eu
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${GHOSTDET_CACHE:-$HOME/.cache/ghostdet}/target}"
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
broken=

# Runs a command, shows and keeps what it prints, and remembers whether it failed.
keep() {
    name=$1
    shift
    echo "== $name: $*"
    { "$@" 2>&1 || echo failed >"$log/$name.failed"; } | tee "$log/$name"
    [ ! -e "$log/$name.failed" ] || { echo "FAILED: $name"; broken="$broken $name"; return 1; }
}

rust() {
    name=$1
    shift
    keep "rust-$name" cargo test --release --no-fail-fast "$@" || true
}

crates="-p ghostdet -p ghostdet-kernels -p ghostdet-burn -p ghostdet-cli -p ghostdet-train -p xtask"
# Both Rust groups share one build.
case "$*" in
"quick gpu"*) shift 2 && set -- rust "$@" ;;
esac

for group in "$@"; do
    case $group in
    rust)
        tools/setup-vulkan.sh
        rust quick $crates --features ghostdet-cli/train,ghostdet/gpu
        ;;
    quick)
        rust quick $crates --features ghostdet-cli/train
        ;;
    gpu)
        tools/setup-vulkan.sh
        rust gpu -p ghostdet --features decode,gpu --test gpu
        ;;
    browser)
        tools/setup-wasm.sh
        tools/setup-browser.sh
        tools/setup-vendor.sh
        # The page is compared with the command line.
        [ -x "$CARGO_TARGET_DIR/release/ghostdet" ] || cargo build --release -p ghostdet-cli
        # Without the modules there is nothing to test.
        xtask="cargo run --release -q -p xtask --"
        if keep wasm $xtask wasm && keep wasm-burn $xtask wasm-burn && keep threads $xtask wasm-threads; then
            keep types node_modules/.bin/tsc -p www/tsconfig.json || true
            keep package node tools/check-package.js || true
            keep browser node --test --test-timeout=900000 --test-concurrency=1 tests/browser/*.test.js tests/browsers/*.test.js || true
        fi
        ;;
    native)
        tools/setup-vulkan.sh
        rust native $crates --features ghostdet/gpu,ghostdet-burn/gpu,ghostdet-cli/train-gpu
        ;;
    burn)
        tools/setup-vulkan.sh
        rust burn -p ghostdet-burn -p ghostdet-cli --features ghostdet-burn/gpu,ghostdet-cli/train-gpu
        ;;
    *)
        echo "test.sh: unknown group $group; groups are quick, gpu, browser, burn, native"
        exit 2
        ;;
    esac
done

# Counts: cargo prints "test result: ok. 3 passed; 0 failed; 1 ignored; …", node "# pass 3".
cat "$log"/rust-* 2>/dev/null | awk '/^test result:/ { p += $4; f += $6; s += $8 } END { print p + 0, f + 0, s + 0 }' >"$log/rust.counts"
read -r rust_passed rust_failed rust_skipped <"$log/rust.counts"
count() { awk -v key="$1" '$2 == key { n = $3 } END { print n + 0 }' "$log/browser" 2>/dev/null || echo 0; }
[ -e "$log/browser" ] || : >"$log/browser"
browser_passed=$(count pass)
passed=$((rust_passed + browser_passed))
failed=$((rust_failed + $(count fail) + $(count cancelled)))
skipped=$((rust_skipped + $(count skipped) + $(count todo)))
[ -z "$broken" ] || echo "FAILED:$broken"
echo "$passed passed, $failed failed, $skipped skipped"
echo "ghostdet: $passed tests passed ($rust_passed Rust, $browser_passed browser), $failed failed, $skipped skipped"
[ -z "$broken" ] && [ "$failed" = 0 ]
