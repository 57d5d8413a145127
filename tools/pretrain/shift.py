"""Raises (or lowers) the logits of objectness and of single classes in a folded file, so that scores say what they mean.

  python3 shift.py IN.safetensors OUT.safetensors OBJECTNESS [CLASS=SHIFT ...] [slope=FACTOR]

`slope` multiplies the logits of objectness and of all classes, before they are shifted. `calibrate.py` finds these numbers.
"""
import json
import sys

from safetensors import safe_open
from safetensors.torch import load_file, save_file

source, out, objectness = sys.argv[1:4]
state = load_file(source)
with safe_open(source, 'pt') as file:
    metadata = file.metadata()
names = json.loads(metadata['names'])
pairs = dict(pair.split('=') for pair in sys.argv[4:])
slope = float(pairs.pop('slope', 1))
for i in range(3):
    for part in ('weight', 'bias'):
        key = f'model.24.m.{i}.{part}'
        value = state[key].float().view(3, 5 + len(names), -1)
        value[:, 4:] *= slope
        if part == 'bias':
            value[:, 4] += float(objectness)
            for name, shift in pairs.items():
                value[:, 5 + names.index(name)] += float(shift)
        state[key] = value.view(state[key].shape).to(state[key].dtype)
save_file(state, out, metadata=metadata)
