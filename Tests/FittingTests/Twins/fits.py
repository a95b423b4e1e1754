"""An independent twin of Fitting by NumPy and SciPy: reads data sets from the JSON file argv[1], prints one answer each."""

import json
import sys

import numpy as np
from scipy import optimize, stats


def politis_white(x):
    """Politis and White (2004) with Patton, Politis and White (2009), circular bootstrap; written from the papers."""
    x = np.asarray(x) - np.mean(x)
    n = len(x)
    k_n = max(5, int(np.sqrt(np.log10(n))))
    m_max = int(np.ceil(np.sqrt(n))) + k_n
    b_max = np.ceil(min(3 * np.sqrt(n), n / 3))
    acov = np.array([x[k:] @ x[: n - k] / n for k in range(m_max + 1)])
    small = np.abs(acov / acov[0]) < 2 * np.sqrt(np.log10(n) / n)
    m_hat = next((m for m in range(m_max - k_n + 1) if small[m + 1 : m + k_n + 1].all()), None)
    if m_hat is None:
        large = np.nonzero(~small[1:])[0]
        m_hat = large.max() + 1 if len(large) else 0
    m = min(2 * max(m_hat, 1), m_max)
    k = np.arange(-m, m + 1)
    window = np.minimum(1, 2 * (1 - np.abs(k) / m))
    covariance = acov[np.abs(k)]
    g = np.sum(window * np.abs(k) * covariance)
    d = 4 / 3 * np.sum(window * covariance) ** 2
    return min(max((2 * g * g / d) ** (1 / 3) * n ** (1 / 3), 1), b_max)


def envelope(g, l):
    """Minimise L0 + L1 mean(g) over L0 + L1 g >= l and L0, L1 >= 0."""
    rows = np.column_stack([np.ones_like(g), g])
    answer = optimize.linprog(
        [1, g.mean()], A_ub=-rows, b_ub=-l, bounds=[(0, None)] * 2, method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert answer.status == 0, answer.message
    return answer.x


answers = []
for case in json.load(open(sys.argv[1])):
    g, l = np.array(case["gradientNorm"]), np.array(case["smoothness"])
    squares, _ = optimize.nnls(np.column_stack([np.ones_like(g), g]), l)
    top = envelope(g, l)
    law = stats.linregress(np.log(g), np.log(l))
    residuals = l - squares[0] - squares[1] * g
    answers.append({
        "leastSquares": squares.tolist(),
        "determination": 1 - np.sum(residuals**2) / np.sum((l - l.mean()) ** 2),
        "residualStandardDeviation": np.sqrt(np.sum(residuals**2) / (len(l) - np.count_nonzero(squares))),
        "envelope": top.tolist(),
        "meanExcess": np.mean(top[0] + top[1] * g - l),
        "powerLaw": [law.intercept, law.slope],
        "logDetermination": law.rvalue**2,
        "pearson": stats.pearsonr(np.log(g), np.log(l)).statistic,
        "spearman": stats.spearmanr(g, l).statistic,
        "ranks": stats.rankdata(l).tolist(),
        "blockLength": politis_white(l) if len(l) >= 10 else 1,
    })
quantiles = [stats.t.ppf(p, nu) for nu in (1, 1.5, 2, 5, 12.3, 99, 5000) for p in (0.6, 0.9, 0.975, 0.9995)]
json.dump({"answers": answers, "studentQuantiles": quantiles}, sys.stdout)
