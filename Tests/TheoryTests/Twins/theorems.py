"""The hard functions of theorem 4 and the papers' loops, written from the papers: iteration counts and bounds.

usage: theorems.py L0 L1 M epsilon gap

Prints one JSON object: bounds of theorems 3, 4, 6 and the iterations of clipped and of fixed-step gradient descent.
"""
import json
import math
import sys

L0, L1, M, eps, gap = map(float, sys.argv[1:])


def fast(x):
    if abs(x) <= 1 / L1:
        return L1 * x * x / 2 + 1 / (2 * L1), L1 * x
    return math.exp(L1 * abs(x)) / (L1 * math.e), math.copysign(math.exp(L1 * abs(x)) / math.e, x)


def slow(x):
    if abs(x) <= 1:
        return eps / 4 * (6 * x**2 - x**4), eps / 4 * (12 * x - 4 * x**3)
    return 2 * eps * (abs(x) - 1) + 5 * eps / 4, math.copysign(2 * eps, x)


def count(function, x, step):
    for t in range(10**6):
        gradient = function(x)[1]
        if abs(gradient) <= eps:
            return t
        x -= step(abs(gradient)) * gradient
    return None


starts = {"fast": (fast, (math.log(M) + 1) / L1, 1 / (2 * L1)), "slow": (slow, 1 + (gap - 5 * eps / 4) / 2 / eps, 0.0)}
eta = 1 / (10 * L0)
gamma = min(1 / eta, 1 / (10 * L1 * eta))
h = 1 / (2 * (M * L1 + L0))
answer = {"lower": L1 * M * (gap - 5 * eps / 8) / (8 * eps**2 * (math.log(M) + 1))}
for name, (function, start, infimum) in starts.items():
    delta = function(start)[0] - infimum
    answer[name] = {
        "delta": delta,
        "clipped": count(function, start, lambda g: min(eta, gamma * eta / g)),
        "clipped_bound": 20 * L0 * delta / eps**2 + 20 * max(1, L1**2) * delta / L0,
        "fixed": count(function, start, lambda g: h),
        "fixed_bound": 4 * (M * L1 + L0) * delta / eps**2,
    }
json.dump(answer, sys.stdout)
