"""Formulas from their definitions: derivatives by PyTorch's automatic differentiation in float64, norms by NumPy.

usage: formulas.py request.json
request: a list of {"kind": ..., "point": [...], ...}; the answer is a list of loss, gradient, Hessian norm and product.
"""
import json
import sys

import numpy as np
import torch


def deep_linear(request):
    widths = request["widths"]
    x = torch.tensor(request["inputs"], dtype=torch.float64).reshape(-1, widths[0])
    y = torch.tensor(request["outputs"], dtype=torch.float64).reshape(-1, widths[-1])

    def loss(w):
        output, offset = x, 0
        for before, after in zip(widths, widths[1:]):
            weight = w[offset : offset + before * after].reshape(after, before)
            output, offset = output @ weight.T, offset + before * after
        return ((output - y) ** 2).sum() / len(x)

    return loss


def exponential_sum(request):
    return lambda x: sum(a * torch.exp(b * x[0]) for a, b in zip(request["amplitudes"], request["rates"]))


def polynomial(request):
    return lambda x: sum(a * x[0] ** k for k, a in enumerate(request["coefficients"]))


answers = []
for request in json.load(open(sys.argv[1])):
    function = {"deep-linear-network": deep_linear, "exponential-sum": exponential_sum, "polynomial": polynomial}[
        request["kind"]
    ](request)
    point = torch.tensor(request["point"], dtype=torch.float64, requires_grad=True)
    loss = function(point)
    (gradient,) = torch.autograd.grad(loss, point)
    hessian = torch.autograd.functional.hessian(function, point).numpy()
    answers.append(
        {
            "loss": loss.item(),
            "gradient": gradient.tolist(),
            "hessian_norm": float(np.linalg.norm(hessian, 2)),
            "hessian_product": (hessian @ np.array(request["vector"])).tolist(),
        }
    )
json.dump(answers, sys.stdout)
