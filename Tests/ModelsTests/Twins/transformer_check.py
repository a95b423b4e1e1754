"""Answers for the tests of TransformerLanguageModel. Usage: transformer_check.py FOLDER

FOLDER holds case.json and raw little-endian arrays: point (the case's scalar), inputs and targets (int64). Written
there: gradient and initial (the scalar). Printed: the loss.
"""

import json
import sys

import numpy as np
import torch

from transformer_twin import TransformerTwin, dropout_masks, initial_point

folder = sys.argv[1]
with open(f"{folder}/case.json") as file:
    case = json.load(file)
dtype = np.dtype(case["scalar"])
shape = (case["length"], case["count"])
point = np.fromfile(f"{folder}/point", dtype)
inputs = np.fromfile(f"{folder}/inputs", np.int64).reshape(shape)
targets = np.fromfile(f"{folder}/targets", np.int64).reshape(shape)
network = case["network"]
twin = TransformerTwin(network, torch.float32 if dtype == np.float32 else torch.float64)
loss, gradient = twin.gradient(point, inputs, targets, dropout_masks(network, case["seed"], case["component"], *shape))
gradient.tofile(f"{folder}/gradient")
initial_point(network, case["seed"], dtype).tofile(f"{folder}/initial")
print(repr(loss))
