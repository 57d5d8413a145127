#!/bin/sh
# Writes ONNX files of export_onnx.py as .tflite beside them, for LiteRT.js: benches/tflite.sh FILE.onnx...
set -eu
cd "$(dirname "$0")/.."
cache=${GHOSTDET_CACHE:-$HOME/.cache/ghostdet}
venv=$cache/tflite-venv
if ! "$venv/bin/python" -c 'import onnxruntime, tensorflow' 2>/dev/null; then
    python3 -m venv "$venv"
    # Later ones are to come without the interpreter.
    "$venv/bin/pip" install -q tensorflow-cpu==2.21.0 onnxruntime
fi
exec "$venv/bin/python" -W ignore benches/export_tflite.py "$@"
