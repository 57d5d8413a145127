#!/bin/sh
# What the browser checks need: playwright-core, typescript and esbuild from package-lock.json, and a Chromium (CHROMIUM names another one).
set -eu
cd "$(dirname "$0")/.."
if [ ! -d node_modules/playwright-core ] || [ ! -d node_modules/typescript ] || [ ! -d node_modules/esbuild ]; then
    npm ci --no-audit --no-fund
fi
if [ -z "${CHROMIUM:-}" ] && [ ! -x /usr/bin/chromium ]; then
    command -v apt-get >/dev/null || { echo "setup-browser: install Chromium, or name one in CHROMIUM"; exit 1; }
    root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    root apt-get update -q
    root apt-get install -qy --no-install-recommends chromium
fi
