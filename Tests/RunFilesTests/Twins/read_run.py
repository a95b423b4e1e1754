"""Runs the reader that stands in docs/run-file.md (argument 1) on run files and prints what it read as JSON.

Arguments: the document, then run files. Everything numeric is printed in hexadecimal, so that bits are compared.
"""
import json
import re
import sys

import numpy as np

text = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
scope = {}
for block in [b for b in blocks if "import h5py" in b] + [b for b in blocks if "import h5py" not in b]:
    exec(block, scope)


def bits(values):
    values = np.ascontiguousarray(values)
    return [format(int(v), "x") for v in values.reshape(-1).view(f"u{values.dtype.itemsize}")]


runs = []
for path in sys.argv[2:]:
    run = scope["read_run"](path)
    trajectory = run["trajectory"]
    counts = [int(np.prod(shape)) for _, shape in run["blocks"]]
    steps = [
        scope["step_norm"](x, y, counts) for x, y in zip(trajectory["iterate"], trajectory["next_iterate"])
    ]
    resume = scope["read_resume"](path) or {}
    changed = scope["changed_rows"](path)
    if changed:
        raise SystemExit(f"{path}: the document's own checksums differ: {changed[:5]}")
    runs.append(
        {
            **{f"resume/{name}": bits(values) for name, values in resume.items() if np.ndim(values) == 1},
            "run_id": run["run_id"],
            "state": run["state"],
            "blocks": run["blocks"],
            "kind": run["objective"]["kind"],
            "beta": run["optimizer"]["beta"],
            "recomputed": bits(np.array(steps, "f8")),
            **{f"{group}/{name}": bits(values) for group in ("history", "evaluation", "trajectory") for name, values in run[group].items()},
        }
    )
json.dump(runs, sys.stdout)
