"""Norms of steps and their duals by NumPy. Usage: step_norms.py REQUEST.json

The request has `shapes` of the blocks and the flat vector `x`. Printed: for every norm those of the blocks and of the whole.
"""

import json
import sys

import numpy as np

with open(sys.argv[1]) as file:
    request = json.load(file)
x = np.array(request["x"])
blocks, offset = [], 0
for shape in request["shapes"]:
    count = int(np.prod(shape))
    # A scalar is 1 x 1, a vector one column, a tensor shape[0] x rest.
    blocks.append(x[offset : offset + count].reshape(shape[0] if shape else 1, -1))
    offset += count


def both(norm, dual):
    return {"norms": [norm(b) for b in blocks], "duals": [dual(b) for b in blocks]}


def rows(block):
    return np.linalg.norm(block, axis=1)


answers = {
    "euclidean": both(np.linalg.norm, np.linalg.norm),
    "root-mean-square": both(
        lambda b: np.sqrt(np.mean(b**2)), lambda b: np.linalg.norm(b) * np.sqrt(b.size)
    ),
    "spectral": both(lambda b: np.linalg.norm(b, 2), lambda b: np.linalg.norm(b, "nuc")),
    "maximum": both(lambda b: np.abs(b).max(), lambda b: np.abs(b).sum()),
    "row-wise": both(lambda b: rows(b).max(), lambda b: rows(b).sum()),
}
for name, answer in answers.items():
    answer["norm"], answer["dual"] = max(answer["norms"]), sum(answer["duals"])
answers["euclidean"] |= {"norm": np.linalg.norm(x), "dual": np.linalg.norm(x)}
answers["root-mean-square"] |= {"norm": np.sqrt(np.mean(x**2)), "dual": np.linalg.norm(x) * np.sqrt(x.size)}
print(json.dumps(answers, default=float))
