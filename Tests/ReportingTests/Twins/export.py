"""Reads what PointsExport wrote: argv[1] a NumPy archive, argv[2] a folder with an event file, argv[3] JSON lines; prints them as JSON."""

import json
import sys

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
import glob

with np.load(sys.argv[1]) as archive:
    arrays = {name: [list(archive[name].shape), str(archive[name].dtype), archive[name].ravel().tolist()] for name in archive.files}
accumulator = EventAccumulator(sys.argv[2])
accumulator.Reload()
scalars = {}
for path in glob.glob(sys.argv[2] + "/*"):
    for event in EventFileLoader(path).Load():
        for value in event.summary.value:
            number = value.tensor.float_val[0] if value.HasField("tensor") else value.simple_value
            scalars.setdefault(value.tag, []).append([event.step, number])
assert set(scalars) == set(accumulator.Tags()["scalars"]) | set(accumulator.Tags()["tensors"]), accumulator.Tags()
rows = [json.loads(line) for line in open(sys.argv[3])]
json.dump({"arrays": arrays, "scalars": scalars, "rows": rows}, sys.stdout)
