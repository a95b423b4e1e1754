"""Reads what the steps of one analysis printed and wrote, with h5py, csv, json and SciPy alone, and holds it against each other.

    agree.py RUN.h5 ESTIMATES.h5 [quadratic | logistic-regression SAMPLES.csv]

expects beside it train.json, estimates.csv, estimates.json, fit.json, scatter.csv, scatter.vl.json, run.json (inspect) and
estimates.inspect.json. With the name of an objective the measurement itself is repeated in NumPy. Prints one line."""
import csv
import json
import sys

import h5py
import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr, t as student

run_path, estimates_path, *objective = sys.argv[1:]


def require(condition, what):
    if not np.all(condition):
        raise SystemExit(f"disagreement: {what}")


def close(a, b, tolerance, what):
    a, b = np.asarray(a, float), np.asarray(b, float)
    error = np.max(np.abs(a - b) / np.abs(b))
    require(error <= tolerance, f"{what}: {error}")


def same(a, b):
    """Equal to the bit, NaN included."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return a.shape == b.shape and np.all((a == b) | (np.isnan(a) & np.isnan(b)))


def table(name):
    with open(name, newline="") as file:
        rows = list(csv.reader(file))
    return {column: [row[i] for row in rows[1:]] for i, column in enumerate(rows[0])}


def load(name):
    with open(name) as file:
        return json.load(file)


def number(text):
    return float("nan") if text in ("", None) else float(text)


run, estimates = h5py.File(run_path, "r"), h5py.File(estimates_path, "r")
rows = int(run["commit"][()])
require(rows > 3 and int(estimates["commit"][()]) == rows, "rows")
measured = {name: item[:rows] for name, item in estimates["estimates"].items() if isinstance(item, h5py.Dataset)}
trajectory = run["trajectory"]
x = trajectory["iterate"][:rows].astype("f8")
y = (trajectory["next_iterate"][:rows] if "next_iterate" in trajectory else trajectory["iterate"][1 : rows + 1]).astype("f8")

# train's summary
summary = load("train.json")[0]
history = run["history"]
require(summary["iterations"] == int(history["commit"][()]), "iterations")
require(summary["clipped_share"] == np.mean(history["clipped"][: summary["iterations"]]), "clipped_share")
evaluation = history["evaluation"]
evaluations = int(evaluation["commit"][()])
if evaluations:
    require(summary["training_loss"] == evaluation["training_loss"][evaluations - 1], "training_loss")
    require(summary["validation_loss"] == evaluation["validation_loss"][evaluations - 1], "validation_loss")
    metric = evaluation["metric"][evaluations - 1]
    require(summary[evaluation["metric"].attrs["metric_name"]] == metric, "metric")
    close(metric, np.exp(evaluation["validation_loss"][evaluations - 1]), 1e-12, "perplexity")
else:
    require(summary["validation_loss"] is None, "validation_loss")

# estimate: the file, the CSV and the JSON
names = ["ok", "nonFiniteIterate", "zeroStep", "nonFiniteGradient", "belowFloor"]
# At the attaining γ: the columns of the table and the datasets of the curve.
attaining = {"noise_floor": "noise_floor", "rounding_floor": "rounding_floor", "floor_error": "floor_error"}
stored_under = {"component_gradients": "component_gradient_count", "step_smoothness": "smoothness"}
where = np.argmax(estimates["gammas"][:][None, :] == measured["gamma"][:, None], axis=1)


def curve(name):
    return estimates[f"estimates/curve/{name}"][:rows][np.arange(rows), where]


def interval(squared, error, unit=1.0):
    """docs/method.md: 95 % of a norm from its unbiased square."""
    groups = int(estimates["group_count"][0])
    width = error * (student.ppf(0.975, groups - 1) if groups > 1 else 0)
    with np.errstate(all="ignore"):
        apart = squared > width
        low = np.where(apart, np.sqrt(squared * np.exp(-width / squared)), np.where(width == 0, np.sqrt(squared), 0))
        high = np.where(apart, np.sqrt(squared * np.exp(width / squared)),
                        np.sqrt(np.maximum(squared, 0) + (np.e - 1) * width))
    return low / unit, high / unit


def root(values):
    with np.errstate(invalid="ignore"):
        return np.sqrt(values)


gradient = interval(measured["gradient_norm_squared_unbiased"], measured["gradient_norm_squared_unbiased_error"])
difference = interval(
    curve("difference_squared_unbiased"), curve("difference_squared_unbiased_error"), curve("displacement_norm"))
derived = {
    "gradient_norm_unbiased": root(measured["gradient_norm_squared_unbiased"]),
    "smoothness_unbiased": root(curve("difference_squared_unbiased")) / curve("displacement_norm"),
    "gradient_norm_low": gradient[0], "gradient_norm_high": gradient[1],
    "smoothness_low": difference[0], "smoothness_high": difference[1],
    "edge_ratio": measured["smoothness"] * measured["effective_learning_rate"] / 2,
    "hessian_residual": np.full(rows, np.nan), "hessian_converged": np.full(rows, np.nan),
}
columns, objects = table("estimates.csv"), load("estimates.json")
require(len(objects) == rows and list(objects[0]) == list(columns), "columns of estimates.json")
for name, texts in columns.items():
    values = [row[name] for row in objects]
    if name in ("status", "below_floor", "safe"):
        continue
    require(same([number(text) for text in texts], [number(value) for value in values]), f"{name} of CSV and JSON")
    if name in derived:
        found, expected = np.array([number(text) for text in texts], float), derived[name]
        require(np.array_equal(np.isnan(found), np.isnan(expected)), f"{name}: where it is missing")
        known = ~np.isnan(found)
        if known.any():
            close(found[known] + 1e-300, expected[known] + 1e-300, 1e-9, name)
        continue
    stored = curve(attaining[name]) if name in attaining else measured[stored_under.get(name, name)]
    require(same([number(text) for text in texts], stored), f"{name} of the CSV and the file")
require(columns["status"] == [names[code] for code in measured["status"]], "status")
require([row["status"] for row in objects] == columns["status"], "status of the JSON")
safe = (measured["status"] == 0) & (curve("floor_error") <= 0.01)
require([row["safe"] for row in objects] == safe.tolist(), "safe of the JSON")
require([row["below_floor"] for row in objects] == [code == 4 for code in measured["status"]], "below_floor of the JSON")
require(columns["below_floor"] == ["true" if code == 4 else "false" for code in measured["status"]], "below_floor")

# run and estimates
require(measured["iteration"] == trajectory["iteration"][:rows], "iterations of the rows")
close(measured["step_norm"], np.linalg.norm(y - x, axis=1), 1e-12, "step_norm")
require(estimates.attrs["run_id"] == run.attrs["run_id"], "run_id")
inspected, inspected_estimates = load("run.json"), load("estimates.inspect.json")
require(inspected["runID"] == run.attrs["run_id"] and inspected["digest"] == estimates.attrs["run_digest"], "inspect: run")
require(inspected["parameterCount"] == x.shape[1] and inspected["committedSnapshots"] == rows, "inspect: sizes")
require(inspected_estimates["run_digest"] == estimates.attrs["run_digest"], "inspect: digest")
require(inspected_estimates["committed_rows"] == rows, "inspect: rows of the estimates")
require(inspected_estimates["gammas"] == estimates["gammas"][:].tolist(), "inspect: gammas")
require(sum(inspected_estimates["statuses"].values()) == rows, "inspect: statuses")

# fit
report = load("fit.json")
g, l = measured["gradient_norm"], measured["smoothness"]
used = np.isfinite(g) & np.isfinite(l) & (g > 0) & (l > 0) & (measured["status"] == 0)
require(report["points"]["given"] == rows and report["points"]["used"] == int(used.sum()), "points of the fit")
line, _ = nnls(np.stack([np.ones(used.sum()), g[used]], axis=1), l[used])
squares = report["leastSquares"]
close([squares["intercept"]["value"] + 1, squares["slope"]["value"] + 1], line + 1, 1e-6, "least squares")
slope, level = np.polyfit(np.log(g[used]), np.log(l[used]), 1)
close(report["powerLaw"]["exponent"]["value"], slope, 1e-6, "power law")
close(report["correlations"]["pearsonOfLogs"]["value"], np.corrcoef(np.log(g[used]), np.log(l[used]))[0, 1], 1e-6, "Pearson")
close(report["correlations"]["spearman"]["value"], spearmanr(g[used], l[used]).statistic, 1e-9, "Spearman")

# plot
scatter = table("scatter.csv")
require(same([number(t) for t in scatter["gradient_norm"]], g), "scatter: gradient_norm")
require(same([number(t) for t in scatter["smoothness"]], l), "scatter: smoothness")
close([number(t) for t, u in zip(scatter["log10_smoothness"], used) if u], np.log10(l[used]) , 1e-9, "scatter: logarithm")
close([number(t) for t in scatter["least_squares"]],
      squares["intercept"]["value"] + squares["slope"]["value"] * g, 1e-12, "scatter: line")
reference = [number(t) for t in scatter["step_size_reference"]]
close(reference, 2 * g / measured["step_norm"], 1e-12, "scatter: reference")
require([t == "" for t in scatter["left_out"]] == used, "scatter: left_out")
vega = load("scatter.vl.json")
require(vega["$schema"].startswith("https://vega.github.io/schema/vega-lite/"), "scatter: schema")
text = json.dumps(vega)
require(all(json.dumps(value) in text for value in l[used].tolist()), "scatter: points of the Vega-Lite file")

# the measurement itself
if objective:
    description = json.loads(run["objective"].asstr()[()])
    require(description["kind"] == objective[0], "kind")
    if objective[0] == "quadratic":
        spectrum = np.array(description["spectrum"])

        def gradient(point):
            return spectrum * point
    else:
        samples = np.loadtxt(objective[1], delimiter=",")
        a = np.column_stack([samples[:, :-1], np.ones(len(samples))])
        sign = 2 * samples[:, -1] - 1
        penalty = description["regularization"] * np.append(np.ones(a.shape[1] - 1), 0)

        def gradient(point):
            return -(sign / (1 + np.exp(sign * (a @ point)))) @ a / len(a) + penalty * point
    for row in range(rows):
        base, step = gradient(x[row]), y[row] - x[row]
        close(g[row], np.linalg.norm(base), 1e-12, f"gradient norm of row {row}")
        curve = []
        for gamma in estimates["gammas"][:]:
            point = y[row] if gamma == 1 else x[row] + gamma * step
            curve.append(np.linalg.norm(gradient(point) - base) / np.linalg.norm(point - x[row]))
        stored = estimates["estimates/curve/smoothness"][row]
        close(stored, curve, 1e-9, f"curve of row {row}")
        close(l[row], max(curve), 1e-9, f"smoothness of row {row}")
        if objective[0] == "quadratic" and np.linalg.norm(step) > 0.01 * np.linalg.norm(x[row]):
            close(stored, np.full(len(stored), np.linalg.norm(spectrum * step) / np.linalg.norm(step)), 1e-12,
                  f"closed form of row {row}")
print(f"{rows} rows agree")
