"""Exports modules in training mode for `--objective torchscript`, or makes their estimates again: scripted_modules.py [check KIND RUN.h5 ROWS.csv]

Writes batches.h5 and one KIND.pt for each kind: plain, dropout, norm (BatchNorm) in training mode, NAME-eval the same in evaluation mode; noise and
count are no functions; wrong has another width than the batches; vector returns a loss for each example.
"""
import csv
import sys

import h5py
import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)
inputs, targets = torch.randn(80, 5), torch.randn(80, 1)


class Loss(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor):
        return nn.functional.mse_loss(self.model(inputs), targets)


class Noise(Loss):
    def forward(self, inputs: torch.Tensor, targets: torch.Tensor):
        return nn.functional.mse_loss(self.model(inputs) + torch.rand(1), targets)


class Count(Loss):
    def forward(self, inputs: torch.Tensor, targets: torch.Tensor):
        self.calls.add_(1.0)
        return nn.functional.mse_loss(self.model(inputs) * self.calls, targets)


class Vector(Loss):
    def forward(self, inputs: torch.Tensor, targets: torch.Tensor):
        return (self.model(inputs) - targets).square()


def network(kind, width=5):
    torch.manual_seed(0)
    middle = {"dropout": [nn.Dropout(0.5)], "norm": [nn.BatchNorm1d(8)]}.get(kind, [])
    model = nn.Sequential(nn.Linear(width, 8), *middle, nn.Tanh(), nn.Linear(8, 1))
    if kind == "norm":
        # Running statistics that no batch has.
        model[1].running_mean.fill_(0.3)
        model[1].running_var.fill_(2.0)
    return model


def check(kind, run, table):
    """The largest relative difference of gradient norms and smoothness on all batches in training mode."""
    model, worst = Loss(network(kind)).train(), 0.0
    parameters = list(model.parameters())

    def gradient(x):
        nn.utils.vector_to_parameters(torch.from_numpy(x), parameters)
        losses = [model(inputs[i:i + 8], targets[i:i + 8]) for i in range(0, 80, 8)]
        return torch.cat([g.flatten() for g in torch.autograd.grad(sum(losses) / len(losses), parameters)]).double()

    with h5py.File(run) as file, open(table) as rows:
        iterate = file["trajectory/iterate"][:]
        for row, found in enumerate(csv.DictReader(rows)):
            g, h = gradient(iterate[row]), gradient(iterate[row + 1])
            smoothness = float((h - g).norm()) / np.linalg.norm(iterate[row + 1].astype("f8") - iterate[row])
            for name, expected in (("gradient_norm", float(g.norm())), ("smoothness", smoothness)):
                worst = max(worst, abs(float(found[name]) / expected - 1))
    print(row + 1, worst)


if sys.argv[1:2] == ["check"]:
    check(*sys.argv[2:])
    sys.exit()
with h5py.File("batches.h5", "w") as file:
    file["inputs"], file["targets"] = inputs.numpy(), targets.numpy()
for kind in ("plain", "dropout", "norm"):
    module = torch.jit.script(Loss(network(kind)))
    module.save(f"{kind}.pt")
    module.eval()
    module.save(f"{kind}-eval.pt")
torch.jit.script(Noise(network("plain")).eval()).save("noise.pt")
torch.jit.script(Count(network("plain")).eval()).save("count.pt")
torch.jit.script(Vector(network("plain")).eval()).save("vector.pt")
torch.jit.script(Loss(network("plain", 4)).eval()).save("wrong.pt")
