#!/bin/sh
# The library's tests on ARM: NEON kernels beside the reference's numbers, under QEMU where the processor is another one.
set -eu
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-gnu
if [ "$(uname -m)" != aarch64 ]; then
    rustup target add $target
    if ! command -v qemu-aarch64 >/dev/null || ! command -v aarch64-linux-gnu-gcc >/dev/null; then
        command -v apt-get >/dev/null || { echo "arm: install qemu-aarch64 and gcc for aarch64-linux-gnu"; exit 1; }
        root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
        root apt-get update -q
        root apt-get install -qy --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
    fi
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
fi
exec cargo test --release -p ghostdet -p ghostdet-kernels --features decode --target $target "$@"
