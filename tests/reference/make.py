"""Writes torch.npz beside this file: what PyTorch answers to cases.py and
layers.py, in float64.

python tests/reference/make.py        (needs torch; made with 2.13.0)
"""

from __future__ import annotations

import pathlib

import cases
import layers
import numpy as np
import torch

found = {}
for name in cases.NAMES + cases.DELICATE_NAMES:
    for key, value in cases.run(torch, name, "float64").items():
        found[f"{name}/{key}"] = value
for name in layers.NAMES:
    for key, value in layers.run(torch, name, "float64").items():
        found[f"{name}/{key}"] = value
np.savez_compressed(pathlib.Path(__file__).with_name("torch.npz"), **found)
print(len(found), "arrays")
