#!/bin/sh
# Makes the wasm32 build possible. With rustup and a network: its target, nothing else. Where rustup can't fetch it
# (no network to its server): the system's second Rust (Debian's rustc-web), whose std is built once into its sysroot.
set -eu
target=wasm32-unknown-unknown
say() { echo "setup-wasm: $*"; }

libdir=$(rustc --print target-libdir --target $target 2>/dev/null || true)
if [ -n "$libdir" ] && ls "$libdir"/libstd-*.rlib >/dev/null 2>&1; then
    exit 0
fi

system=/usr/lib/rustlib/$target/lib
stamp=$system/ghostdet.stamp
version=$(/usr/bin/rustc -V 2>/dev/null || true)
if [ -n "$version" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$version" ]; then
    exit 0
fi
if command -v rustup >/dev/null && timeout 300 rustup target add $target; then
    exit 0
fi
say "rustup can't get $target: taking the system's Rust"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
if [ ! -x /usr/bin/rustc ] || [ ! -x /usr/bin/cargo ] || [ ! -d /usr/lib/rustlib/src/rust/library/std ]; then
    command -v apt-get >/dev/null || { say "install rustc, cargo and their library source of one version into /usr"; exit 1; }
    as_root apt-get update -q
    as_root apt-get install -qy --no-install-recommends rustc-web cargo-web rust-web-src lld-22 brotli
fi

say "building std for $target once (about a minute)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
echo '#![no_std]' >"$work/src/lib.rs"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "stub"
version = "0.0.0"
edition = "2021"
[workspace]
[profile.release]
codegen-units = 1
panic = "abort"
TOML
(cd "$work" && env -u CARGO -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes \
    /usr/bin/cargo build --release --target $target -Zbuild-std=std,panic_abort,test --target-dir "$work/target")
as_root mkdir -p "$system"
as_root rm -f "$system"/*.rlib
as_root cp "$work/target/$target/release/deps/"*.rlib "$system/"
as_root sh -c "rm -f '$system'/libstub*; /usr/bin/rustc -V >'$stamp'"
say "ready: $(cat "$stamp")"
