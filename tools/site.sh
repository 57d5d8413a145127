#!/bin/sh
# The page for any static server: `tools/site.sh FOLDER`. The wasm modules have to be built. Bundled and minified (tools/site); without npm,
# or offline, the sources are copied, which works as well, only with more and larger files.
set -eu
cd "$(dirname "$0")/.."
site=${1:?which folder?}
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${GHOSTDET_CACHE:-$HOME/.cache/ghostdet}/target}"
if [ ! -d node_modules/esbuild ] && [ ! -L node_modules ] && command -v npm >/dev/null; then
    npm ci --no-audit --no-fund --fetch-retries=0 --fetch-timeout=30000 >/dev/null 2>&1 || true
fi
mkdir -p "$site"
if [ -d node_modules/esbuild ]; then
    node tools/site/build.js "$site"
else
    echo "The sources are copied as they are: npm is not here to fetch what bundles them."
    cp -r www/. "$site/"
    cp -r configs LICENSE-MIT LICENSE-APACHE "$site/"
    cp -r weights "$site/lib/"
fi
cargo run --release -q -p xtask -- precache "$site"
echo "$site: $(find "$site" -type f | wc -l) files, $(du -sh "$site" | cut -f1)"
