#!/bin/sh
# Trains n and s from weights that have learned nothing, on one GPU, and writes both as fp16 safetensors.
#   run.sh SECONDS OUT PACK.bin...      a third of the seconds for n, two thirds for s; beside that two to three minutes to begin
# Everything it says goes to OUT/log.txt too; OUT/n.safetensors and OUT/s.safetensors are replaced every 60 seconds.
set -eu
seconds=$1 out=$2
shift 2
cd "$(dirname "$0")"
mkdir -p "$out"
teacher=${TEACHER:-yolox_nano.onnx}
for size in n s; do
    part=$((seconds / 3))
    [ "$size" = n ] || part=$((seconds - part))
    begin="$out/$size-begin.safetensors"
    [ -n "${RESUME:-}" ] && [ -f "$out/$size.safetensors" ] && cp "$out/$size.safetensors" "$begin"
    [ -f "$begin" ] || python3 init.py --size "$size" --packs "$@" --out "$begin"
    python3 train.py --size "$size" --init "$begin" --packs "$@" --teacher "$teacher" --seconds "$part" --out "$out" \
        --cache "${CACHE:-/tmp/pictures.npy}" --save-every 60 --ema-start 0 ${TRAIN_OPTIONS:-}
done 2>&1 | tee -a "$out/log.txt"
