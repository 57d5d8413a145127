#!/usr/bin/env python3
"""Our tracks beside those of `trackers` (an independent ByteTrack), judged by `motmetrics` (which also checks our evaluator).

    pip install motmetrics trackers opencv-python-headless
    benches/tracking.py

Videos: the made ones of tests/tracking.rs, and TUD-Campus and TUD-Stadtmitte, which come with motmetrics: a tracker's boxes
without their tracks, and the known boxes themselves without their tracks.
"""
import re
import subprocess
import tempfile
from pathlib import Path

import motmetrics
import numpy as np
import supervision
from trackers import ByteTrackTracker

# motmetrics 1.4 calls a function that numpy 2 no longer has.
np.asfarray = lambda values, dtype=float: np.asarray(values, dtype)

ROOT = Path(__file__).parent.parent


def ours(*words):
    command = ["cargo", "run", "--release", "-q", "-p", "ghostdet", "--example", "tracks", "--", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def theirs(detections, fps):
    """The tracks of `trackers` with our thresholds, as text."""
    tracker = ByteTrackTracker(
        lost_track_buffer=60, frame_rate=fps, track_activation_threshold=0.25, high_conf_det_threshold=0.25, minimum_iou_threshold=0.2
    )
    rows = [list(map(float, line.split(",")[:7])) for line in detections.read_text().split()]
    lines = []
    for frame in range(1, int(max(row[0] for row in rows)) + 1):
        of_frame = np.array([row for row in rows if row[0] == frame and (row[6] < 0 or row[6] >= 0.1)]).reshape(-1, 7)
        boxes, score = of_frame[:, 2:6].copy(), of_frame[:, 6]
        boxes[:, 2:] += boxes[:, :2]
        score = np.where(score < 0, 1, score)
        given = supervision.Detections(xyxy=boxes, confidence=score, class_id=np.zeros(len(boxes), int))
        found = tracker.update(given)
        for (x1, y1, x2, y2), track in zip(found.xyxy, found.tracker_id):
            if track >= 0:
                lines.append(f"{frame},{int(track) + 1},{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f},1,-1,-1,-1\n")
    return "".join(lines)


def judge(truth, tracks):
    """MOTA, IDF1 and switches by motmetrics."""
    load = lambda file: motmetrics.io.loadtxt(str(file), fmt="mot15-2D", min_confidence=-1)
    compared = motmetrics.utils.compare_to_groundtruth(load(truth), load(tracks), "iou", distth=0.5)
    row = motmetrics.metrics.create().compute(compared, metrics=["mota", "idf1", "num_switches"]).iloc[0]
    return np.array([row["mota"], row["idf1"], row["num_switches"]])


def judge_ours(truth, tracks):
    said = ours("evaluate", truth, tracks)
    return np.array([float(re.search(rf"{name}:? ([-.\d]+)", said)[1]) for name in ("MOTA", "IDF1", "switches")])


def main():
    folder = Path(tempfile.mkdtemp())
    videos = {}
    for line in ours("scenes", folder).splitlines():
        number, name = line.split(": ", 1)
        fps = int(name.split()[-2])
        videos[name] = [(folder / f"{number}-{seed}" / "gt.txt", folder / f"{number}-{seed}" / "det.txt", fps) for seed in range(10)]
    data = Path(motmetrics.__file__).parent / "data"
    for name in ("TUD-Campus", "TUD-Stadtmitte"):
        truth, boxes = data / name / "gt.txt", data / name / "test.txt"
        print(name, "as it comes: motmetrics", judge(truth, boxes), "ours", judge_ours(truth, boxes))
        videos[f"{name}, a tracker's boxes"] = [(truth, boxes, 25)]
        videos[f"{name}, the known boxes"] = [(truth, truth, 25)]
    print("| video | MOTA, IDF1, switches | of `trackers` |")
    for name, parts in videos.items():
        sums = np.zeros((2, 3))
        for truth, detections, fps in parts:
            tracks = folder / "tracks.txt"
            tracks.write_text(theirs(detections, fps))
            other = judge(truth, tracks)
            tracks.write_text(ours("track", detections, fps))
            own = judge(truth, tracks)
            # The made videos' boxes count at both, and both evaluators say the same.
            said = judge_ours(truth, tracks)
            if not np.allclose(own, said, atol=6e-4):
                print("evaluators differ:", name, own, said)
            sums += [own, other]
        sums[:, :2] /= len(parts)
        texts = [f"{mota:.3f}, {idf1:.3f}, {int(switches)}" for mota, idf1, switches in sums]
        print(f"| {name} | {texts[0]} | {texts[1]} |", flush=True)


if __name__ == "__main__":
    main()
