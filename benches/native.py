#!/usr/bin/env python3
"""Ours beside ONNX Runtime on the processor, one thread each or BENCH_THREADS, in turns, and beside what a plain matrix product
reaches there with one.

  python3 benches/native.py --latency target/release/examples/latency --ghostdet target/release/ghostdet --onnx FOLDER
      [--networks yolov5n,yolov5s-ghost] [--size 320] [--rounds 25] [--json FILE]

Wants numpy and onnxruntime; `benches/native.sh` gets them, exports the networks and calls this.
"""
import os

THREADS = int(os.environ.get("BENCH_THREADS", "1"))
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", RAYON_NUM_THREADS=str(THREADS))

import argparse
import json
import statistics
import subprocess
import time

import numpy as np
import onnxruntime


def milliseconds(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


class Ours:
    """A process that runs a network once per line."""

    def __init__(self, latency, name, size):
        self.process = subprocess.Popen([latency, name, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def peer(path, size):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    # Its helpers would go on turning while it is our turn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    picture = (np.arange(3 * size * size) * 31 % 251 / 250).astype(np.float32).reshape(1, 3, size, size)
    return lambda: milliseconds(lambda: session.run(None, {"images": picture}))


def ceiling():
    """A plain matrix product that stays in the caches (numpy's BLAS): 400 x 1024 by 1024 x 256."""
    a, b = np.ones((400, 1024), np.float32), np.ones((1024, 256), np.float32)
    c = np.empty((400, 256), np.float32)
    return lambda: 400 * 1024 * 256 / milliseconds(lambda: np.dot(a, b, out=c)) / 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", required=True)
    parser.add_argument("--ghostdet", required=True)
    parser.add_argument("--onnx", required=True)
    parser.add_argument("--networks", default="yolov5n,yolov5n-ghost-backbone,yolov5n-ghost,yolov5s,yolov5s-ghost-backbone,yolov5s-ghost")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json")
    options = parser.parse_args()
    product = ceiling()
    product()
    names = options.networks.split(",")
    ours = {name: Ours(options.latency, name, options.size) for name in names}
    theirs = {name: peer(os.path.join(options.onnx, f"yolov5{name[7:]}-{name[6]}-{options.size}.onnx"), options.size) for name in names}
    mine, other, rates = {name: [] for name in names}, {name: [] for name in names}, []
    # All networks take turns: this way a machine that changes its speed changes it for all of them.
    for count in range(options.rounds + 2):
        for name in names:
            # Each runs twice and the second is counted: what others left in the caches is no part of a frame of a video.
            times = [[run(), run()][1] for run in (ours[name], theirs[name])]
            if count >= 2:
                mine[name].append(times[0])
                other[name].append(times[1])
        rates.append(product())
    print("| network | ghostdet: median, best ms | of the plain one | onnxruntime: median, best | its time / ours | GMAC/s, of a plain product's |")
    print("|---|---|---|---|---|---|")
    ratio = lambda a, b: statistics.median(x / y for x, y in zip(a, b))
    rows = []
    for name in names:
        plan = json.loads(subprocess.check_output([options.ghostdet, "plan", name, "--nc", "80", "--imgsz", str(options.size), "--json"]))
        # Detect's convolutions are computed for the cells above the floor only.
        adds = sum(step["multiply_adds"] for step in plan["steps"] if step["row"] != 24)
        rate, plain = adds / min(mine[name]) / 1e6, name[:7]
        row = {
            "network": name, "size": options.size, "ours": mine[name], "onnxruntime": other[name], "gmac_per_second": rate,
            "of_plain": ratio(mine[name], mine[plain]) if plain in mine else None, "their_time_over_ours": ratio(other[name], mine[name]),
        }
        rows.append(row)
        share = "" if row["of_plain"] in (None, 1) else f"{row['of_plain']:.2f}"
        both = lambda times: f"{statistics.median(times):.1f}, {min(times):.1f}"
        print(f"| {name} | {both(mine[name])} | {share} | {both(other[name])} | {row['their_time_over_ours']:.2f} | {rate:.1f}, {100 * rate / max(rates):.0f} % of {max(rates):.1f} |")
        ours[name].process.kill()
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"threads": THREADS, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
