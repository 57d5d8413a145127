#!/bin/sh
# Pictures a second in training, ours beside PyTorch (CPU), in turns. BENCH_NETWORKS, BENCH_SIZE, BENCH_BATCH choose others.
set -eu
cd "$(dirname "$0")/.."
cache=${GHOSTDET_CACHE:-$HOME/.cache/ghostdet}
python=${PYTHON:-$cache/train-venv/bin/python}
if [ ! -x "$python" ]; then
    python3 -m venv "$cache/train-venv"
    "$cache/train-venv/bin/pip" install -q torch --index-url https://download.pytorch.org/whl/cpu ||
        "$cache/train-venv/bin/pip" install -q torch
fi
cargo build --release -q -p ghostdet-train --example throughput
size=${BENCH_SIZE:-320} batch=${BENCH_BATCH:-16}
for round in 1 2; do
    for name in ${BENCH_NETWORKS:-yolov5n yolov5n-ghost-backbone yolov5n-ghost}; do
        letter=$(echo "$name" | cut -c7)
        cargo run --release -q -p ghostdet-train --example throughput -- "$name" "$size" "$batch" 5
        "$python" benches/train.py "yolov5$(echo "$name" | cut -c8-)" --size "$letter" --imgsz "$size" --batch "$batch" --steps 5
        "$python" benches/train.py "yolov5$(echo "$name" | cut -c8-)" --size "$letter" --imgsz "$size" --batch "$batch" --steps 5 --channels-last
    done
done
