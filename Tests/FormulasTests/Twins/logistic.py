"""Logistic regression from its definition, with NumPy's dense eigenvalues.

usage: logistic.py samples.csv request.json
request: {"point": [...], "vector": [...], "regularization": r}; the last coordinate is the intercept.
"""
import json
import sys

import numpy as np

table = np.loadtxt(sys.argv[1], delimiter=",", ndmin=2)
request = json.load(open(sys.argv[2]))
features, labels = table[:, :-1], np.where(table[:, -1] > 0, 1.0, -1.0)
design = np.hstack([features, np.ones((len(labels), 1))])
x, v = np.array(request["point"]), np.array(request["vector"])
ridge = request["regularization"] * np.diag([1.0] * features.shape[1] + [0.0])
margin = labels * (design @ x)
loss = np.mean(np.logaddexp(0, -margin)) + 0.5 * x @ ridge @ x
share = np.exp(-np.logaddexp(0, margin))  # sigma(-margin)
gradient = -(design.T @ (labels * share)) / len(labels) + ridge @ x
hessian = design.T @ (design * (share * (1 - share))[:, None]) / len(labels) + ridge
json.dump(
    {
        "loss": loss,
        "gradient": gradient.tolist(),
        "hessian_norm": float(np.abs(np.linalg.eigvalsh(hessian)).max()),
        "hessian_product": (hessian @ v).tolist(),
    },
    sys.stdout,
)
