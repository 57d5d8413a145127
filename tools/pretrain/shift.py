"""Raises (or lowers) the logits of objectness and of single classes in a folded file, so that scores say what they mean.

  python3 shift.py IN.safetensors OUT.safetensors OBJECTNESS [CLASS=SHIFT ...]      # the shipped s: 0.6 cat=1.6 dog=0.3
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
for i in range(3):
    key = f'model.24.m.{i}.bias'
    bias = state[key].float().view(3, -1)
    bias[:, 4] += float(objectness)
    for pair in sys.argv[4:]:
        name, shift = pair.split('=')
        bias[:, 5 + names.index(name)] += float(shift)
    state[key] = bias.view(-1).to(state[key].dtype)
save_file(state, out, metadata=metadata)
