"""Writes a run file with gradients on a fixed subset, as docs/run-file.md specifies it, with h5py alone.

The loss is a sum of B groups f_b(x) = 1/2 a_b |x - c_b|^2 / P elementwise with curvatures a_b, so that everything is known.
Usage: write_recorded_run.py PATH JSON    with {"rows", "scalar", "gammas", "groups", "losses", "shared", "probes", "components",
"population", "blocks", "software"}; writes PATH, and the numbers that an estimate must give to PATH.json.
"""
import json
import sys
import uuid

import h5py
import numpy as np


def contiguous(file, name, shape, dtype, long_name, definition):
    space = h5py.h5s.create_simple(shape) if shape != () else h5py.h5s.create(h5py.h5s.SCALAR)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, properties, links)
    data = file[name]
    data.attrs["long_name"], data.attrs["definition"] = long_name, definition
    return data


def step_norm(x, y, counts):
    total, start = 0.0, 0
    for count in counts:
        d = y[start:start + count].astype("f8") - x[start:start + count].astype("f8")
        whole = count - count % 16
        lanes = np.zeros(16)
        for row in (d[:whole] ** 2).reshape(-1, 16):
            lanes += row
        lanes[:count - whole] += d[whole:] ** 2
        for width in (8, 4, 2, 1):
            lanes[:width] += lanes[width:2 * width]
        total, start = total + lanes[0], start + count
    return np.sqrt(total)


def write(path, options):
    rows, scalar = options["rows"], options["scalar"]
    gammas, groups, shared = options.get("gammas", []), options.get("groups", 0), options.get("shared", True)
    blocks = options["blocks"]
    counts = [int(np.prod(shape)) for _, shape in blocks]
    width = sum(counts)
    generator = np.random.default_rng(1)
    curvatures = generator.uniform(0.5, 2.0, (max(1, groups), width))
    centres = generator.normal(size=(max(1, groups), width))
    weights = np.arange(1, max(1, groups) + 1, dtype="f8")
    if options.get("components"):
        component_weights = np.ones(options["components"])
        weights = np.array([component_weights[b::max(1, groups)].sum() for b in range(max(1, groups))])

    def parts(x):
        return curvatures * (x.astype("f8") - centres)

    def mean(x):
        return (weights[:, None] * parts(x)).sum(0) / weights.sum()

    def loss(x):
        each = 0.5 * (curvatures * (x.astype("f8") - centres) ** 2).sum(1)
        return (weights * each).sum() / weights.sum()

    xs = [generator.normal(size=width).astype(scalar)]
    for _ in range(rows):
        xs.append((xs[-1].astype("f8") - 0.1 * mean(xs[-1]) + 0.01 * generator.normal(size=width)).astype(scalar))
    with h5py.File(path, "w") as file:
        for name, value in [("format", "smoothness-run"), ("format_version", "1.0"), ("run_id", str(uuid.UUID(int=7))),
                            ("created", "2026-01-31T12:00:00Z"), ("software", "twin"), ("software_version", "1"),
                            ("hdf5_version", h5py.version.hdf5_version), ("state", "complete")]:
            file.attrs[name] = value
        text = h5py.string_dtype("utf-8")
        for name, value in [("objective", {"kind": "external", "description": "a quadratic"}), ("optimizer", {})]:
            file.create_dataset(name, data=json.dumps(value), dtype=text)
            file[name].attrs["long_name"] = file[name].attrs["definition"] = name
        rank = max(1, max(len(shape) for _, shape in blocks))
        tables = [("name", np.array([name for name, _ in blocks], dtype=object), text),
                  ("shape", np.array([list(s) + [-1] * (rank - len(s)) for _, s in blocks]), "i8"),
                  ("offset", np.cumsum([0] + counts[:-1]), "i8"), ("count", np.array(counts), "i8")]
        for name, values, kind in tables:
            file.create_dataset("parameters/" + name, data=values, dtype=kind)
            file["parameters/" + name].attrs["long_name"] = file["parameters/" + name].attrs["definition"] = name

        def put(name, values, dtype):
            values = np.asarray(values, dtype)
            contiguous(file, name, values.shape, dtype, name, name)[...] = values

        put("commit", np.uint64(rows), "u8")
        steps = [step_norm(xs[k], xs[k + 1], counts) for k in range(rows)]
        nothing = np.full(rows, np.nan)
        for group in ("trajectory", "history"):
            for name, values in [("loss", nothing), ("gradient_norm", nothing), ("step_norm", steps),
                                 ("learning_rate", nothing)]:
                put(f"{group}/{name}", values, "f8")
                if name != "step_norm":
                    file[f"{group}/{name}"].attrs["recorded"] = "no"
            put(f"{group}/clipped", np.zeros(rows), "u1")
            put(f"{group}/status", np.zeros(rows), "u1")
        put("history/commit", np.uint64(rows), "u8")
        put("history/evaluation/commit", np.uint64(0), "u8")
        for name, kind in [("epoch", "i8"), ("iteration", "i8"), ("training_loss", "f8"), ("validation_loss", "f8"),
                           ("metric", "f8")]:
            put("history/evaluation/" + name, np.zeros(0), kind)
        file["history/evaluation/metric"].attrs["metric_name"] = ""
        put("trajectory/iteration", np.arange(rows), "i8")
        first, second = np.array(xs[:-1]), np.array(xs[1:])
        if shared:
            put("trajectory/iterate", np.array(xs), scalar)
        else:
            put("trajectory/iterate", first, scalar)
            put("trajectory/next_iterate", second, scalar)

        def pair(name, function, dtype):
            if shared:
                put("fixed_subset/" + name, np.array([function(x) for x in xs]), dtype)
            else:
                put("fixed_subset/" + name, np.array([function(x) for x in first]), dtype)
                put("fixed_subset/next_" + name, np.array([function(x) for x in second]), dtype)

        probes = np.array([[(x.astype("f8") + g * (y.astype("f8") - x.astype("f8"))).astype(scalar) for g in gammas]
                           for x, y in zip(first, second)]) if gammas else None
        pair("gradient", mean, scalar)
        if options.get("losses"):
            pair("loss", loss, "f8")
        if groups:
            pair("group_gradient", parts, scalar)
            put("fixed_subset/group_weight", weights, "f8")
        if gammas:
            put("fixed_subset/gamma", gammas, "f8")
            put("fixed_subset/probe_gradient", [[mean(p) for p in row] for row in probes], scalar)
            if options.get("losses"):
                put("fixed_subset/probe_loss", [[loss(p) for p in row] for row in probes], "f8")
            if groups:
                put("fixed_subset/probe_group_gradient", [[parts(p) for p in row] for row in probes], scalar)
            if options.get("probes"):
                put("fixed_subset/probe", probes, scalar)
        if options.get("components"):
            put("fixed_subset/component", 3 + 2 * np.arange(options["components"]), "i8")
            put("fixed_subset/component_weight", component_weights, "f8")
        if options.get("population"):
            put("fixed_subset/population_weight", np.float64(options["population"]), "f8")
        file["fixed_subset"].attrs["subset"] = "all of it"
        for row in options.get("unrecorded", []):
            file["fixed_subset/gradient"][row] = np.nan

    stored = lambda v: v.astype(scalar).astype("f8")
    expected = []
    for k, (x, y) in enumerate(zip(first, second)):
        g, h = stored(mean(x)), stored(mean(y))
        d = y.astype("f8") - x.astype("f8")
        curve = []
        for index, gamma in enumerate(gammas):
            p = probes[k, index].astype("f8")
            curve.append(np.linalg.norm(stored(mean(probes[k, index])) - g) / np.linalg.norm(p - x.astype("f8")))
        curve.append(np.linalg.norm(h - g) / np.linalg.norm(d))
        ends = np.cumsum([0] + counts)
        row = {"gradient_norm": np.linalg.norm(g), "curve": curve, "step_norm": steps[k],
               "cosine": g @ h / np.linalg.norm(g) / np.linalg.norm(h), "loss": loss(x),
               "blocks": [np.linalg.norm((h - g)[a:b]) / np.linalg.norm(d[a:b]) for a, b in zip(ends[:-1], ends[1:])]}
        if groups:
            # Delete-a-group jackknife, docs/estimates-file.md.
            share = weights.sum() / options["population"] if options.get("population") else 0.0
            gb, hb = stored(parts(x)), stored(parts(y))

            def error(values):
                values = np.array(values)
                return np.sqrt((1 - share) * (groups - 1) / groups * ((values - values.mean()) ** 2).sum())

            left = lambda v, mean_, b: (weights.sum() * mean_ - weights[b] * v[b]) / (weights.sum() - weights[b])
            row["gradient_norm_error"] = error([np.linalg.norm(left(gb, g, b)) for b in range(groups)])
            if not gammas:
                row["smoothness_error"] = error(
                    [np.linalg.norm(left(hb, h, b) - left(gb, g, b)) / np.linalg.norm(d) for b in range(groups)])
        expected.append(row)
    with open(path + ".json", "w") as file:
        json.dump(expected, file)


if __name__ == "__main__":
    write(sys.argv[1], json.loads(sys.argv[2]))
