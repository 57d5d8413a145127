#!/bin/sh
# Ours beside onnxruntime-web and TensorFlow.js, in one Chromium, in turns; then natively beside ONNX Runtime.
# BENCH_NETWORKS, BENCH_SIZES, BENCH_ROUNDS choose others; BENCH_ENGINES=ghostdet-webgpu,ort-webgpu,tfjs-webgpu times the GPU.
# LiteRT.js (litert-wasm, litert-webgpu) is not there by default: writing its files takes TensorFlow, 1.5 GB of disk.
set -eu
cd "$(dirname "$0")/.."
cache=${GHOSTDET_CACHE:-$HOME/.cache/ghostdet}
networks=${BENCH_NETWORKS:-yolov5n,yolov5n-ghost-backbone,yolov5n-ghost,yolov5s,yolov5s-ghost-backbone,yolov5s-ghost}
sizes=${BENCH_SIZES:-320}
engines=${BENCH_ENGINES:-ghostdet-cpu,ort-wasm,tfjs-wasm}
tools/setup-browser.sh
if [ ! -x "$cache/bench-venv/bin/python" ]; then
    python3 -m venv "$cache/bench-venv"
    "$cache/bench-venv/bin/pip" install -q onnx==1.19.0 numpy
fi
[ -d benches/node_modules/@litertjs/core ] || (cd benches && npm ci --no-audit --no-fund --ignore-scripts)
mkdir -p "$cache/onnx"
unconverted=
for name in $(echo "$networks" | tr , ' '); do
    letter=$(echo "$name" | cut -c7)
    base=yolov5$(echo "$name" | cut -c8-)
    for size in $(echo "$sizes" | tr , ' '); do
        file=$cache/onnx/$base-$letter-$size.onnx
        [ -e "$file.json" ] || "$cache/bench-venv/bin/python" benches/export_onnx.py "configs/$base.yaml" "$file" --size "$letter" --imgsz "$size"
        [ -e "$file.tflite" ] || unconverted="$unconverted $file"
    done
done
case ,$engines in
    *,litert-*) [ -z "$unconverted" ] || benches/tflite.sh $unconverted ;;
esac
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
cargo build --release -q -p ghostdet-cli
node benches/browser/bench.js --ghostdet "$CARGO_TARGET_DIR/release/ghostdet" --onnx "$cache/onnx" --networks "$networks" --sizes "$sizes" --engines "$engines" \
    --rounds "${BENCH_ROUNDS:-15}" ${BENCH_JSON:+--json "$BENCH_JSON"}
BENCH_JSON=${BENCH_JSON:+${BENCH_JSON%.json}-native.json} exec benches/native.sh
