#!/bin/sh
# Ours beside ONNX Runtime on the processor, one thread or BENCH_THREADS. BENCH_NETWORKS, BENCH_SIZE, BENCH_ROUNDS choose others.
set -eu
cd "$(dirname "$0")/.."
cache=${GHOSTDET_CACHE:-$HOME/.cache/ghostdet}
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
networks=${BENCH_NETWORKS:-yolov5n,yolov5n-ghost-backbone,yolov5n-ghost,yolov5s,yolov5s-ghost-backbone,yolov5s-ghost}
size=${BENCH_SIZE:-${BENCH_SIZES:-320}}
size=${size%%,*}
python=${PYTHON:-$cache/bench-venv/bin/python}
if ! "$python" -c 'import onnxruntime, onnx' 2>/dev/null; then
    python3 -m venv "$cache/bench-venv"
    "$cache/bench-venv/bin/pip" install -q onnx==1.19.0 onnxruntime numpy
fi
mkdir -p "$cache/onnx"
for name in $(echo "$networks" | tr , ' '); do
    letter=$(echo "$name" | cut -c7) base=yolov5$(echo "$name" | cut -c8-)
    file=$cache/onnx/$base-$letter-$size.onnx
    [ -e "$file" ] || "$python" benches/export_onnx.py "configs/$base.yaml" "$file" --size "$letter" --imgsz "$size"
done
cargo build --release -q -p ghostdet --example latency
cargo build --release -q -p ghostdet-cli
"$python" benches/native.py --latency "$CARGO_TARGET_DIR/release/examples/latency" --ghostdet "$CARGO_TARGET_DIR/release/ghostdet" \
    --onnx "$cache/onnx" --networks "$networks" --size "$size" --rounds "${BENCH_ROUNDS:-25}" ${BENCH_JSON:+--json "$BENCH_JSON"}
