"""Breaks one promise of a run file. Arguments: file, name of the breach."""
import os
import sys

import h5py
import numpy as np

path, breach = sys.argv[1:]


def flip(dataset, index):
    """Changes the last bit of one element."""
    value = np.array(dataset[index])
    bits = value.view(f"u{value.dtype.itemsize}")
    bits ^= 1
    dataset[index] = value


def replace(file, name, **changes):
    """The dataset again, with another form."""
    old = file[name]
    attributes = dict(old.attrs)
    data = changes.pop("data", old[()])
    del file[name]
    new = file.create_dataset(name, data=data, **changes)
    for key, value in attributes.items():
        new.attrs[key] = value


if breach == "superblock":
    with h5py.File(path, "r") as old, h5py.File(path + ".new", "w", libver="latest") as new:
        for name in old:
            old.copy(name, new)
        for name, value in old.attrs.items():
            new.attrs[name] = value
    os.replace(path + ".new", path)
    sys.exit()

with h5py.File(path, "r+") as file:
    t, h = file["trajectory"], file["history"]
    match breach:
        case "iterate bit":
            flip(t["iterate"], (2, 3))
        case "next iterate bit":
            flip(t["next_iterate"], (1, 0))
        case "step norm bit":
            flip(t["step_norm"], 4)
        case "joint":
            # Row 1 follows row 0; both of its ends move, so that the step stays about the same.
            t["iterate"][1] = t["iterate"][1] + np.float32(0.5)
            t["next_iterate"][1] = t["next_iterate"][1] + np.float32(0.5)
        case "nan in ok row":
            t["iterate"][1, 2] = np.nan
        case "nan in loss":
            h["loss"][5] = np.nan
        case "negative norm":
            h["gradient_norm"][5] = -1
        case "unknown status":
            t["status"][0] = 9
        case "false zero step":
            h["status"][4] = 2
        case "history differs":
            flip(t["loss"], 2)
        case "gradient":
            t["gradient"][0] = t["gradient"][0] * 2
        case "iterations descend":
            t["iteration"][2] = 1
        case "clipped":
            t["clipped"][3] = 9
        case "fewer rows than complete":
            file["commit"][()] = 3
        case "clipping after":
            t["gradient"].attrs["clipping"] = "after"
        case "fixed-length objective":
            replace(file, "objective", data=np.bytes_(file["objective"][()]))
        case "ascii optimizer":
            replace(file, "optimizer", dtype=h5py.string_dtype("ascii"))
        case "fixed-length names":
            names = file["parameters/name"][:]
            replace(file, "parameters/name", data=np.array(names, dtype="S40"))
        case "negative iteration":
            t["iteration"][0] = -5
        case "commit beyond capacity":
            file["commit"][()] = 99
        case "history commit beyond capacity":
            h["commit"][()] = 99
        case "resume ahead":
            file["resume/iteration"][:] = 1000
        case "resume count 40" | "resume count 62" | "resume count 63":
            file["resume/commit"][()] = int(file["resume/commit"][()]) ^ 1 << int(breach.split()[-1])
        case "no next iterate":
            del t["next_iterate"]
        case "chunked":
            replace(file, "trajectory/loss", chunks=(2,))
        case "wrong type":
            replace(file, "trajectory/learning_rate", dtype="<f4")
        case "big-endian iterates":
            replace(file, "trajectory/iterate", dtype=">f4")
        case "wrong width":
            replace(file, "trajectory/next_iterate", data=t["next_iterate"][:, :-1])
        case "no definition":
            del t["loss"].attrs["definition"]
        case "no clipping note":
            del t["gradient"].attrs["clipping"]
        case "fixed-length state":
            del file.attrs["state"]
            file.attrs["state"] = np.bytes_(b"complete")
        case "unknown state":
            file.attrs["state"] = "resting"
        case "no run_id":
            del file.attrs["run_id"]
        case "run_id":
            file.attrs["run_id"] = "seven"
        case "created":
            file.attrs["created"] = "yesterday"
        case "objective":
            del file["objective"]
            file["objective"] = "{not JSON"
        case "offset":
            file["parameters/offset"][1] = 3
        case "shape":
            file["parameters/shape"][0, 0] = 2
        case "names":
            names = list(file["parameters/name"].asstr()[:])
            file["parameters/name"][1] = names[0]
        case "evaluation":
            h["evaluation/iteration"][0] = 10_000
        case "half a resume":
            del file["resume/momentum"]
        case "evaluations descend":
            h["evaluation/iteration"][1] = 2
        case "hostile evaluations":
            h["evaluation/iteration"][0] = -(2**63)
            h["evaluation/iteration"][1] = -(2**63) + 5
            h["evaluation/epoch"][:2] = [2**63 - 1, -(2**63)]
        case "epoch":
            h["evaluation/epoch"][2] = 4
        case "training loss":
            h["evaluation/training_loss"][1] = 1e6
        case "perplexity":
            h["evaluation/metric"][0] = 1.5
        case "false non-finite":
            h["status"][4] = 1
        case "resume iterate":
            # The last point claims to be where row 6 begins.
            file["resume/iteration"][1], file["resume/evaluation_count"][1] = 12, 2
        case "resume evaluations":
            file["resume/evaluation_count"][1] = 4
        case "numbers that were not recorded":
            for group in (t, h):
                group["loss"].attrs["recorded"] = "no"
        case "another mark":
            t["loss"].attrs["recorded"] = "no"
        case "learning rate":
            file["optimizer"][()] = '{"algorithm":"sgd","learning_rate":0.125,"clip_norm":2}'
        case "clipped without a clip norm":
            file["optimizer"][()] = '{"algorithm":"sgd","learning_rate":0.25}'
        case "not clipped":
            file["optimizer"][()] = '{"algorithm":"sgd","learning_rate":0.25,"clip_norm":1e-9}'
            h["clipped"][3] = 0
        case "half a fixed subset":
            group = file.create_group("fixed_subset")
            group.attrs["subset"] = "components 0 to 3"
            group["gradient"] = t["iterate"][:]
        case "nothing":
            pass
        case _:
            raise SystemExit(f"no such breach: {breach}")
