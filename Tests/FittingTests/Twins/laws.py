"""A second twin of Fitting by NumPy, SciPy and statsmodels: robust, asymmetric and weighted fits, power laws with errors in both
variables, p-values. Reads data sets from the JSON file argv[1], prints one answer each."""

import json
import sys
import warnings

import numpy as np
import statsmodels.api as sm
from scipy import optimize, stats

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from scipy import odr


def design(x):
    return np.column_stack([np.ones_like(x), x])


def weighted_nnls(x, y, w):
    root = np.sqrt(w / w.max())
    return optimize.nnls(design(x) * root[:, None], y * root)[0]


def undershoot(x, y, factor):
    """Squared error plus `factor` times squared undershoot, L0, L1 >= 0: a convex problem, each of whose faces is solved by itself."""
    best = None
    for columns in ([0, 1], [0], [1]):
        a = design(x)[:, columns]
        b = np.linalg.lstsq(a, y, rcond=None)[0]
        for _ in range(500):
            weight = np.sqrt(1 + factor * (y > a @ b))
            new = np.linalg.lstsq(a * weight[:, None], y * weight, rcond=None)[0]
            if np.allclose(new, b, rtol=1e-15, atol=0):
                break
            b = new
        full = np.zeros(2)
        full[columns] = b
        r = y - a @ b
        value = np.sum(r**2 * (1 + factor * (r > 0)))
        if (full >= 0).all() and (best is None or value < best[0]):
            best = (value, full)
    return best[1]


def quantile(x, y, w, tau):
    """The linear programme in its usual form: y = b0 + b1 x + u - v with u, v >= 0."""
    n = len(y)
    a = np.column_stack([design(x), np.eye(n), -np.eye(n)])
    cost = np.concatenate([[0, 0], tau * w, (1 - tau) * w])
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    answer = optimize.linprog(cost, A_eq=a, b_eq=y, bounds=[(0, None)] * (2 * n + 2), method="highs-ds", options=options)
    assert answer.status == 0, answer.message
    return answer.x[:2], answer.fun


def orthogonal(x, y, sx, sy):
    start = stats.linregress(x, y)
    model = odr.Model(lambda b, x: b[0] + b[1] * x)
    best = None
    for slope in (start.slope, 1.0, -1.0, 1 / start.slope):
        run = odr.ODR(odr.RealData(x, y, sx=sx, sy=sy), model, beta0=[y.mean() - slope * x.mean(), slope], maxit=2000,
                      sstol=1e-15, partol=1e-15)
        out = run.run()
        if best is None or out.sum_square < best.sum_square:
            best = out
    return best.beta.tolist()


def order_law(x, y):
    """L0 + c g^rho by bounded least squares from several starts."""
    scale = y.max()
    best = None
    for rho in (0.3, 1.0, 2.0, 3.0):
        a, c = optimize.nnls(design(x**rho), y / scale)[0]
        out = optimize.least_squares(
            lambda p: p[0] + p[1] * x ** p[2] - y / scale, [max(a, 1e-3), max(c, 1e-3), rho],
            bounds=([0, 0, 0], [np.inf, np.inf, 4]), xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=5000,
        )
        if best is None or out.cost < best.cost:
            best = out
    return 2 * best.cost * scale**2


answers = []
for case in json.load(open(sys.argv[1])):
    g, l = np.array(case["gradientNorm"]), np.array(case["smoothness"])
    se, sg, loss = np.array(case["smoothnessError"]), np.array(case["gradientNormError"]), np.array(case["loss"])
    w = 1 / se**2
    q, value = quantile(g, l, np.ones_like(l), 0.95)
    wq, wvalue = quantile(g, l, w / w.mean(), 0.95)
    ts = stats.theilslopes(l, g, method="joint")
    logs = sm.WLS(np.log(l), sm.add_constant(np.log(g)), weights=(l / se) ** 2).fit().params
    linear, level = sm.OLS(l, sm.add_constant(g)).fit(), sm.OLS(l, np.ones_like(l)).fit()
    pearson, spearman, kendall = stats.pearsonr(np.log(g), np.log(l)), stats.spearmanr(g, l), stats.kendalltau(g, l)
    answers.append({
        "weighted": weighted_nnls(g, l, w).tolist(),
        "expectile": undershoot(g, l, 5.0).tolist(),
        "quantile": q.tolist(), "quantileLoss": value,
        "weightedQuantile": wq.tolist(), "weightedQuantileLoss": wvalue,
        "theilSen": [ts.intercept, ts.slope],
        "weightedPowerLaw": list(logs),
        "orthogonal": orthogonal(np.log(g), np.log(l), np.ones_like(g), np.ones_like(g)),
        "withErrors": orthogonal(np.log(g), np.log(l), sg / g, se / l),
        "orderLoss": order_law(g, l),
        "gap": optimize.nnls(design(loss - 0.25), l)[0].tolist(),
        "linear": linear.params.tolist(), "bicDifference": linear.bic - level.bic,
        "kendall": kendall.statistic,
        "probabilities": [pearson.pvalue, spearman.pvalue, kendall.pvalue],
    })
json.dump({"answers": answers}, sys.stdout)
