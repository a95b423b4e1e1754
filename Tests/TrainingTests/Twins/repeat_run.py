"""An independent twin of the trainer: reads a run file with h5py, makes the same run again with NumPy from the JSON of
/optimizer and /objective, and compares every recorded number.

Usage: repeat_run.py RUN.h5 … [VALIDATION.csv]   prints for every run a line "PASS <largest relative difference>, …" or what
differs.
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


def limit(o, eta, v):
    """The factor of a step along v, and whether its length is beyond the clip norm."""
    length, c = np.linalg.norm(v), o.get("clip_norm", math.inf)
    if o.get("clip_form") == "soft":
        return eta / (1 + length / c), length > c
    return (eta, False) if length <= c else (eta * c / length, True)


def gain(o, v):
    factor, clipped = limit(o, 1.0, v)
    return factor, clipped


def normalise(o, eta, v):
    length = np.linalg.norm(v) + o["offset"]
    return eta / length if length > 0 else 0.0


def advance_block(o, eta, t, x, m, v, g):
    """One step of a block, or of all parameters: the new x, m, v and whether it was clipped. From the formulas of the papers."""
    name, beta, decay = o["algorithm"], o["beta"], o.get("weight_decay", {"rate": 0.0, "place": "before"})
    rate, place = decay["rate"], decay["place"]
    if name in ("adam", "adamw"):
        s, clipped = gain(o, g)
        h = s * g + (rate * x if place == "after" else 0.0)
        m = beta * m + (1 - beta) * h
        v = o["beta2"] * v + (1 - o["beta2"]) * h**2
        m_hat, v_hat = m / (1 - beta ** (t + 1)), v / (1 - o["beta2"] ** (t + 1))
        shrink = eta * rate if place == "decoupled" else 0.0
        return x - shrink * x - eta * m_hat / (np.sqrt(v_hat) + o["epsilon"]), m, v, clipped
    after = rate * x if place == "after" else np.zeros_like(x)
    if name == "heavy-ball":
        s, clipped = gain(o, g)
        m = beta * m + s * g + after
        return x - eta * m, m, v, clipped
    if name == "sgd":
        factor, clipped = limit(o, eta, g)
        return x - factor * g - eta * after, m, v, clipped
    m = beta * m + (1 - beta) * g
    if name == "normalized":
        return x - normalise(o, eta, m) * m - eta * after, m, v, False
    nu = o["nu"]
    (of_m, m_clipped), (of_g, g_clipped) = limit(o, eta, m), limit(o, eta, g)
    clipped = (nu > 0 and m_clipped) or (nu < 1 and g_clipped)
    return x - nu * of_m * m - (1 - nu) * of_g * g - eta * after, m, v, clipped


def advance(o, blocks, eta, t, x, m, v, g):
    decay = o.get("weight_decay", {"rate": 0.0, "place": "before"})
    if decay["place"] == "before":
        g = g + decay["rate"] * x
    if o.get("clip_scope") != "block":
        return advance_block(o, eta, t, x, m, v, g)
    parts = [advance_block(o, eta, t, x[b], m[b], v[b], g[b]) for b in blocks]
    return tuple(np.concatenate([part[i] for part in parts]) for i in range(3)) + (any(part[3] for part in parts),)


def learning_rate(o, t, m, losses):
    """The scheduled rate of iteration t with m iterations an epoch, after these validation losses."""
    eta, schedule, T = o["learning_rate"], o.get("schedule", {}), o["iterations"]
    warm_up = schedule.get("warm_up", 0)
    if "cosine" in schedule:
        last = schedule["cosine"]["last"]
        eta = last + (eta - last) * (1 + math.cos(math.pi * max(t - warm_up, 0) / (T - warm_up))) / 2
    if "steps" in schedule:
        for epoch in schedule["steps"]["epochs"]:
            if t >= epoch * m:
                eta /= schedule["steps"]["factor"]
    if "plateau" in schedule:
        best, waiting = math.inf, 0
        for loss in losses:
            waiting = 0 if loss < best else waiting + 1
            best = min(best, loss)
            if waiting == schedule["plateau"]["patience"]:
                eta, waiting = eta / schedule["plateau"]["factor"], 0
    return eta * min(1.0, (t + 1) / warm_up) if warm_up else eta


class Average:
    """The mean of the iterates since averaging began, as a plain sum."""

    def __init__(self, text, m):
        self.kind, number = text.split("=") if text else (None, "0")
        self.number, self.m, self.begun, self.count, self.sum = int(number), m, False, 0, 0.0

    def take(self, x, iterations):
        if self.kind == "from":
            self.begun = iterations > self.number * self.m
        if self.begun:
            self.count, self.sum = self.count + 1, self.sum + x

    def evaluated(self, losses):
        earlier = losses[:-1]
        if self.kind == "nonmonotone" and len(earlier) > self.number and losses[-1] > min(earlier[: -self.number]):
            self.begun = True

    def point(self, x):
        return self.sum / self.count if self.count else x


def main(path, validation_path=None):
    file = h5py.File(path, "r")
    text = lambda name: json.loads(file[name][()].decode())
    o, d = text("optimizer"), text("objective")
    objective = {"quadratic": Quadratic, "logistic-regression": Logistic}[d["kind"]](d)
    validation = Logistic(d, validation_path) if validation_path else None
    trajectory, history = file["trajectory"], file["history"]
    T, components = o["iterations"], objective.count
    full = o.get("gradient") == "full"
    m = 1 if full else components
    offsets, counts = file["parameters/offset"][:], file["parameters/count"][:]
    blocks = [slice(int(i), int(i + n)) for i, n in zip(offsets, counts)]
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
    momentum, second, epoch, evaluations = np.zeros_like(x), np.zeros_like(x), [], 0
    clipped_count, losses, average = 0, [], Average(o.get("average"), m)
    rates = set()
    for t in range(T):
        if full:
            weights = np.array([objective.weight(i) for i in range(components)])
            values = [objective.value(i, x) for i in range(components)]
            loss = sum(w * f for w, (f, _) in zip(weights, values)) / weights.sum()
            g = sum(w * gradient for w, (_, gradient) in zip(weights, values)) / weights.sum()
            epoch.append((1.0, loss))
        else:
            i = component(o, m, t)
            loss, g = objective.value(i, x)
            epoch.append((objective.weight(i), loss))
        eta = learning_rate(o, t, m, losses)
        rates.add(round(eta, 12))
        after, momentum, second, clipped = advance(o, blocks, eta, t, x, momentum, second, g)
        clipped_count += clipped
        average.take(after, t + 1)
        compare(f"learning rate {t}", eta, history["learning_rate"][t])
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
            weights, values = np.array(epoch).T
            compare(f"training loss {t}", weights @ values / weights.sum(), e["training_loss"][evaluations])
            point = average.point(x)
            parts = [(validation.weight(j), validation.value(j, point)[0]) for j in range(validation.count)]
            weights, values = np.array(parts).T
            compare(f"validation loss {t}", weights @ values / weights.sum(), e["validation_loss"][evaluations])
            losses.append(weights @ values / weights.sum())
            average.evaluated(losses)
            compare(f"evaluated at {t}", t + 1, e["iteration"][evaluations])
            evaluations, epoch = evaluations + 1, []
    assert not rows, f"rows that the schedule does not have: {rows}"
    print("; ".join(problems[:5]) if problems else f"PASS {worst:.1e}, {len(rates)} learning rates, {average.count} averaged, {clipped_count} of {T} clipped")


validation = [path for path in sys.argv[2:] if path.endswith(".csv")]
for run in sys.argv[1:]:
    if run not in validation:
        main(run, *validation)
