"""How fast recorded gradients are estimated: against `cat` of the same file and a script with h5py and NumPy, warm and cold.

    python3 Tests/Benchmarks/recorded_speed.py --program .build/release/smoothness --gigabytes 10

Makes a run file of that size in --folder (removed at the end), and prints one line a reader: seconds, GB/s, the share of the speed of
`cat`, and the peak of the resident memory. Cold: the file's pages are given back to the system first (POSIX_FADV_DONTNEED).
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid

import h5py
import numpy as np

NUMPY = r'''
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as f:
    t, s = f["trajectory"], f["fixed_subset"]
    shared = "next_iterate" not in t
    counts, offsets = f["parameters/count"][:], f["parameters/offset"][:]
    for k in range(int(f["commit"][()])):
        x, g = t["iterate"][k].astype("f8"), s["gradient"][k].astype("f8")
        y = (t["iterate"][k + 1] if shared else t["next_iterate"][k]).astype("f8")
        h = (s["gradient"][k + 1] if shared else s["next_gradient"][k]).astype("f8")
        d, e = y - x, h - g
        for o, n in zip(offsets, counts):
            b = slice(o, o + n)
            row = [v[b] @ w[b] for v, w in ((g, g), (h, h), (e, e), (d, d), (e, d), (g, d), (g, h))]
        print(k, np.sqrt(g @ g), np.sqrt((e @ e) / (d @ d)))
'''


def dataset(file, name, shape, dtype):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, properties, links)
    file[name].attrs["long_name"] = file[name].attrs["definition"] = name
    return file[name]


def make(path, rows, blocks, shared):
    width = sum(count for _, count in blocks)
    generator = np.random.default_rng(0)
    noise = generator.normal(size=width).astype("f4")
    with h5py.File(path, "w") as file:
        for name, value in [("format", "smoothness-run"), ("format_version", "1.0"), ("run_id", str(uuid.uuid4())),
                            ("created", "2026-01-31T12:00:00Z"), ("software", "benchmark"), ("software_version", "1"),
                            ("hdf5_version", h5py.version.hdf5_version), ("state", "complete")]:
            file.attrs[name] = value
        for name, value in [("objective", {"kind": "external"}), ("optimizer", {})]:
            file.create_dataset(name, data=json.dumps(value), dtype=h5py.string_dtype("utf-8"))
        file.create_dataset("parameters/name", data=[n for n, _ in blocks], dtype=h5py.string_dtype("utf-8"))
        for name, values in [("shape", [[c] for _, c in blocks]), ("count", [c for _, c in blocks]),
                             ("offset", np.cumsum([0] + [c for _, c in blocks[:-1]]))]:
            file.create_dataset("parameters/" + name, data=np.array(values, "i8"))
        for name, value in [("commit", rows), ("history/commit", 0), ("history/evaluation/commit", 0)]:
            dataset(file, name, (), "u8")[()] = value
        for group, count in [("trajectory", rows), ("history", rows)]:
            for name, kind in [("loss", "f8"), ("gradient_norm", "f8"), ("step_norm", "f8"), ("learning_rate", "f8"),
                               ("clipped", "u1"), ("status", "u1")]:
                dataset(file, f"{group}/{name}", (count,), kind)[...] = np.nan if kind == "f8" else 0
        for name, kind in [("epoch", "i8"), ("iteration", "i8"), ("training_loss", "f8"), ("validation_loss", "f8"),
                           ("metric", "f8")]:
            file.create_dataset("history/evaluation/" + name, (0,), kind)
        file["history/evaluation/metric"].attrs["metric_name"] = ""
        dataset(file, "trajectory/iteration", (rows,), "i8")[...] = np.arange(rows)
        names = ["trajectory/iterate", "fixed_subset/gradient"]
        vectors = [dataset(file, name, (rows + shared, width), "f4") for name in names]
        if not shared:
            vectors += [dataset(file, name, (rows, width), "f4")
                        for name in ("trajectory/next_iterate", "fixed_subset/next_gradient")]
        for row in range(rows + shared):
            for index, vector in enumerate(vectors):
                if row < vector.shape[0]:
                    vector[row] = np.roll(noise, 31 * (row + index // 2) + index % 2)
        file["fixed_subset"].attrs["subset"] = "none: noise"
    return os.path.getsize(path)


def forget(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def measure(command):
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command}: {message.decode()}")
    return seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=".build/release/smoothness")
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--parameters", type=int, default=8_000_000)
    parser.add_argument("--pairs", action="store_true", help="store next iterates and gradients of their own")
    parser.add_argument("--folder", default=None)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    third = options.parameters // 3
    blocks = [("a", third), ("b", third), ("c", options.parameters - 2 * third - 10), ("d", 10)]
    per_row = options.parameters * 4 * (4 if options.pairs else 2)
    rows = max(2, int(options.gigabytes * 1e9 / per_row))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = os.path.join(folder, "run.h5")
        size = make(path, rows, blocks, not options.pairs)
        print(f"{size / 1e9:.2f} GB, {rows} rows of {options.parameters} float32 parameters, "
              + ("pairs" if options.pairs else "successive"))
        readers = [("cat", ["cat", path]),
                   ("smoothness", [options.program, "estimate", path, "--recorded", "--force"]),
                   ("h5py/NumPy", [sys.executable, "-c", NUMPY, path])]
        for state in ("warm", "cold"):
            speeds = {}
            for name, command in readers:
                times = []
                for _ in range(options.repeat if name != "h5py/NumPy" else 1):
                    if state == "cold":
                        forget(path)
                    else:
                        subprocess.run(["cat", path], stdout=subprocess.DEVNULL)
                    seconds, memory = measure(command)
                    times.append(seconds)
                best = min(times)
                speeds[name] = size / best / 1e9
                print(f"{state}  {name:<11} {best:7.2f} s  {speeds[name]:5.2f} GB/s  "
                      f"{100 * speeds[name] / speeds['cat']:4.0f} % of cat  {memory:6.0f} MB", flush=True)
            print(f"{state}  smoothness is {speeds['smoothness'] / speeds['h5py/NumPy']:.1f} times as fast as h5py/NumPy")
