"""An independent twin of the trainer: reads a run file with h5py, makes the same run again with NumPy from the JSON of
/optimizer and /objective, and compares every recorded number.

Usage: repeat_run.py RUN.h5 [VALIDATION.csv]   prints "PASS <largest relative difference>" or what differs.
"""
import json
import math
import sys

import h5py
import numpy as np

MASK = (1 << 64) - 1


def mix(word):
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


class Generator:
    def __init__(self, seed, purpose, index=0):
        fnv = 0xCBF29CE484222325
        for byte in purpose.encode():
            fnv = ((fnv ^ byte) * 0x100000001B3) & MASK
        self.state = mix(seed ^ mix(fnv) ^ mix((index + 1) & MASK))

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return mix(self.state)

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53

    def below(self, bound):
        while True:
            product = self.next() * bound
            if product & MASK >= (1 << 64) % bound:
                return product >> 64

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def permutation(self, count):
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


class Quadratic:
    def __init__(self, d):
        assert d["rotations"] == 0
        self.eigenvalues = np.array(d["spectrum"])
        self.count, self.noise, self.seed = d["component_count"], d["noise"], d["seed"]

    def weight(self, i):
        return 1.0

    def value(self, i, x):
        b = np.zeros_like(x)
        if 2 * (i // 2) + 1 < self.count:
            g = Generator(self.seed, "quadratic noise", i // 2)
            b = (-1) ** i * self.noise * np.array([g.normal() for _ in x])
        return 0.5 * x @ (self.eigenvalues * x) + b @ x, self.eigenvalues * x + b


class Logistic:
    def __init__(self, d, path=None):
        table = np.loadtxt(path or d["file"]["path"], delimiter=",", ndmin=2)
        self.a = np.hstack([table[:, :-1], np.ones((len(table), 1))])
        self.y = 2 * table[:, -1] - 1
        self.size, self.ridge = d["batch_size"], d["regularization"]
        self.count = -(-len(table) // self.size)

    def rows(self, i):
        return slice(i * self.size, (i + 1) * self.size)

    def weight(self, i):
        return float(len(self.y[self.rows(i)]))

    def value(self, i, x):
        a, y = self.a[self.rows(i)], self.y[self.rows(i)]
        margin = y * (a @ x)
        w = np.append(x[:-1], 0)
        loss = np.logaddexp(0, -margin).mean() + self.ridge / 2 * w @ w
        return loss, -(a.T @ (y / (1 + np.exp(margin)))) / len(y) + self.ridge * w


def component(o, m, t):
    if o["order"] == "cyclic":
        return t % m
    if o["order"] == "reshuffle":
        return Generator(o["seed"], "component order", t // m).permutation(m)[t % m]
    return Generator(o["seed"], "component choice", t).below(m)


def advance(o, x, m, g):
    eta, beta, nu = o["learning_rate"], o["beta"], o["nu"]
    gamma = o.get("gamma", math.inf)
    length = np.linalg.norm
    if o["algorithm"] == "heavy-ball":
        clipped = length(g) > gamma / eta
        m = beta * m + g * min(1.0, gamma / eta / length(g))
        return x - eta * m, m, clipped
    m = beta * m + (1 - beta) * g
    if o["algorithm"] == "sgd":
        nu = 0.0
    of_m, of_g = min(eta, gamma / length(m)), min(eta, gamma / length(g))
    clipped = (nu > 0 and of_m < eta) or (nu < 1 and of_g < eta)
    return x - nu * of_m * m - (1 - nu) * of_g * g, m, clipped


def main(path, validation_path=None):
    file = h5py.File(path, "r")
    text = lambda name: json.loads(file[name][()].decode())
    o, d = text("optimizer"), text("objective")
    objective = {"quadratic": Quadratic, "logistic-regression": Logistic}[d["kind"]](d)
    validation = Logistic(d, validation_path) if validation_path else None
    trajectory, history = file["trajectory"], file["history"]
    T, m = o["iterations"], objective.count
    rows = {int(k): row for row, k in enumerate(trajectory["iteration"][:])}
    assert int(file["commit"][()]) == len(rows) and int(history["commit"][()]) == T
    consecutive = "next_iterate" not in trajectory
    worst, problems = 0.0, []

    def compare(name, expected, found):
        nonlocal worst
        expected, found = np.asarray(expected, float), np.asarray(found, float)
        difference = np.max(np.abs(expected - found)) / max(1.0, np.max(np.abs(expected)))
        worst = max(worst, difference)
        if not difference <= 1e-12:
            problems.append(f"{name}: expected {expected}, found {found}")

    x = trajectory["iterate"][0].astype(float)
    momentum, epoch, evaluations = np.zeros_like(x), [], 0
    clipped_count = 0
    for t in range(T):
        i = component(o, m, t)
        loss, g = objective.value(i, x)
        after, momentum, clipped = advance(o, x, momentum, g)
        clipped_count += clipped
        epoch.append((objective.weight(i), loss))
        compare(f"loss {t}", loss, history["loss"][t])
        compare(f"gradient norm {t}", np.linalg.norm(g), history["gradient_norm"][t])
        compare(f"step norm {t}", np.linalg.norm(after - x), history["step_norm"][t])
        compare(f"clipped {t}", clipped, history["clipped"][t])
        if t in rows:
            row = rows.pop(t)
            compare(f"iterate {t}", x, trajectory["iterate"][row])
            following = trajectory["iterate"][row + 1] if consecutive else trajectory["next_iterate"][row]
            compare(f"next iterate {t}", after, following)
            if o["stores_gradients"]:
                compare(f"gradient {t}", g, trajectory["gradient"][row])
        x = after
        if validation and ((t + 1) % m == 0 or t + 1 == T):
            e = history["evaluation"]
            weights, losses = np.array(epoch).T
            compare(f"training loss {t}", weights @ losses / weights.sum(), e["training_loss"][evaluations])
            parts = [(validation.weight(j), validation.value(j, x)[0]) for j in range(validation.count)]
            weights, losses = np.array(parts).T
            compare(f"validation loss {t}", weights @ losses / weights.sum(), e["validation_loss"][evaluations])
            compare(f"evaluated at {t}", t + 1, e["iteration"][evaluations])
            evaluations, epoch = evaluations + 1, []
    assert not rows, f"rows that the schedule does not have: {rows}"
    print("\n".join(problems[:5]) if problems else f"PASS {worst:.1e}, {clipped_count} of {T} clipped")


main(*sys.argv[1:])
