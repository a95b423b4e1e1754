"""Changes a run file with plain h5py. Arguments: file, what, and the rows that it is about.

    nan-iterate   x_k of the rows holds NaN; the status says so
    nan-next      x_{k+1} of the rows holds infinity; the status says so
    zero-step     x_{k+1} of the rows becomes x_k; the status says so
    no-row        nothing is committed
    one-iterate   the file holds a single iterate, and room for no more
"""
import sys

import h5py
import numpy as np

path, what, *rows = sys.argv[1:]
rows = [int(row) for row in rows]

with h5py.File(path, "r+") as file:
    trajectory, history = file["trajectory"], file["history"]
    for row in rows:
        iterate, following = trajectory["iterate"][row], trajectory["next_iterate"][row]
        if what == "nan-iterate":
            iterate[0] = np.nan
        elif what == "nan-next":
            following[-1] = np.inf
        elif what == "zero-step":
            following = iterate
        else:
            raise SystemExit(f"no such change: {what}")
        trajectory["iterate"][row], trajectory["next_iterate"][row] = iterate, following
        for group, index in ((trajectory, row), (history, int(trajectory["iteration"][row]))):
            step = following.astype("f8") - iterate.astype("f8")
            group["step_norm"][index] = np.sqrt(np.sum(step * step))
            group["status"][index] = 2 if what == "zero-step" else 1
    if what == "no-row":
        file["commit"][()] = 0
    if what == "one-iterate":
        file["commit"][()] = 0
        del trajectory["next_iterate"]
        for name, dataset in list(trajectory.items()):
            attributes = dict(dataset.attrs)
            values = dataset[: 1 if name == "iterate" else 0]
            del trajectory[name]
            trajectory.create_dataset(name, data=values).attrs.update(attributes)
