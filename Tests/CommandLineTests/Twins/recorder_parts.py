"""What recorder_checks.py and recorder_optimizers.py share: a small network, its data, and comparisons of files with what the loop saw."""
import contextlib
import io

import h5py
import numpy as np
import torch
from torch import nn

from smoothness_bridge import Recorder

torch.set_num_threads(1)
torch.manual_seed(1)
BATCHES = [(torch.randn(4, 5), torch.randn(4, 1)) for _ in range(12)]


def network(*middle):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), *middle, nn.Tanh(), nn.Linear(8, 1))


def loss(model, batch):
    return nn.functional.mse_loss(model(batch[0]).float(), batch[1])


def flat(tensors):
    return torch.cat([tensor.detach().reshape(-1).to("cpu", torch.float32) for tensor in tensors]).numpy().copy()


def gradient(model, batches):
    """The mean gradient of batches, made apart from .grad."""
    parameters = list(model.parameters())
    return flat(torch.autograd.grad(sum(loss(model, batch) for batch in batches) / len(batches), parameters))


def same(first, second, tolerance=0.0):
    first, second = np.asarray(first, "f8"), np.asarray(second, "f8")
    assert first.shape == second.shape, (first.shape, second.shape)
    assert np.all(np.abs(first - second) <= tolerance * np.maximum(np.abs(second), 1e-3)), (first, second)


@contextlib.contextmanager
def said(*texts):
    """What is printed meanwhile to standard error holds these texts."""
    kept = io.StringIO()
    with contextlib.redirect_stderr(kept):
        yield kept
    for text in texts:
        assert text in kept.getvalue(), kept.getvalue()


def train(path, model, steps, capacity, every=None, optimizer=None, body=None, source=None, start=0, **options):
    """Trains and records; returns x of every iteration and of the end."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    seen = []
    with Recorder(path, source or model.named_parameters(), capacity, every, optimizer, **options) as recorder:
        for k in range(start, start + steps):
            seen.append(flat(model.parameters()))
            if body:
                body(recorder, optimizer, k)
                continue
            optimizer.zero_grad()
            value = loss(source if callable(source) else model, BATCHES[k % 12])
            value.backward()
            recorder.before_step(k, value)
            optimizer.step()
            recorder.after_step()
    return seen + [flat(model.parameters())]


def rows(path):
    """(x_k, x_{k+1}) of every committed row by its iteration."""
    with h5py.File(path) as file:
        count, trajectory = int(file["commit"][()]), file["trajectory"]
        ends = trajectory["next_iterate"][:count] if "next_iterate" in trajectory else trajectory["iterate"][1:count + 1]
        return dict(zip(trajectory["iteration"][:count].tolist(), zip(trajectory["iterate"][:count], ends)))


def check_rows(path, seen, expected, start=0):
    found = rows(path)
    assert list(found) == expected, list(found)
    for k, (x, y) in found.items():
        same(x, seen[k - start])
        same(y, seen[k - start + 1])
