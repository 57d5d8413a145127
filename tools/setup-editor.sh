#!/bin/sh
# The playground's editor, CodeMirror from npm, bundled into www/vendor. Without npm, or offline, the page has a plain text field.
set -u
cd "$(dirname "$0")/.."
out=www/vendor/editor.js
if [ -e "$out" ] && [ -z "$(find tools/editor package-lock.json -newer "$out")" ]; then exit 0; fi
if ! command -v npm >/dev/null; then
    echo "The playground's editor is a plain text field: npm is not here to fetch CodeMirror."
    exit 0
fi
if [ ! -d node_modules/@codemirror/view ] || [ ! -d node_modules/esbuild ]; then
    # A link leads into another checkout, whose packages stay as they are.
    [ -L node_modules ] || npm ci --no-audit --no-fund --fetch-retries=0 --fetch-timeout=30000 >/dev/null 2>&1
fi
node tools/editor/build.js || echo "The playground's editor stays a plain text field: CodeMirror was not fetched."
