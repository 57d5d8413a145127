#!/bin/sh
# Libraries of the page, from npm, bundled into www/vendor: CodeMirror for the playground, Mediabunny for video files. Without npm,
# or offline, the playground has a plain text field, and videos are read by seeking.
set -u
cd "$(dirname "$0")/.."
out=www/vendor/video.js
if [ -e "$out" ] && [ -z "$(find tools/vendor package-lock.json -newer "$out")" ]; then exit 0; fi
if ! command -v npm >/dev/null; then
    echo "The page's editor and its video library were not bundled: npm is not here to fetch CodeMirror and Mediabunny."
    exit 0
fi
if [ ! -d node_modules/@codemirror/view ] || [ ! -d node_modules/mediabunny ] || [ ! -d node_modules/esbuild ]; then
    # A link leads into another checkout, whose packages stay as they are.
    [ -L node_modules ] || npm ci --no-audit --no-fund --fetch-retries=0 --fetch-timeout=30000 >/dev/null 2>&1
fi
node tools/vendor/build.js || echo "The page's editor and its video library were not bundled: CodeMirror and Mediabunny were not fetched."
