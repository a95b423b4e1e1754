"""Holds what a Recorder saves of unusual optimisers and changed models against the loop itself: recorder_optimizers.py, in a folder with smoothness_bridge.py

Closures (LBFGS, SGD, SAM), schedule-free and averaged weights, accumulation by accelerate, groups with several learning rates, modules exchanged after the
optimiser or the recorder was made, values that are not known. Prints a line for each check; the first one that fails ends it.
"""
import os
import sys

sys.path[:0] = [os.getcwd(), os.path.dirname(os.path.abspath(__file__))]
import h5py
import numpy as np
import torch
from recorder_parts import BATCHES, check_rows, flat, gradient, loss, network, rows, said, same, train
from torch import nn

from smoothness_bridge import FixedSubset, Recorder


def column(path, name, group="trajectory"):
    with h5py.File(path) as file:
        count = int(file["commit" if group == "trajectory" else "history/commit"][()])
        return file[f"{group}/{name}"][:count]


def recorded(path, name):
    with h5py.File(path) as file:
        return file[f"trajectory/{name}"].attrs.get("recorded")


def settings(path):
    with h5py.File(path) as file:
        return file["optimizer"].asstr()[()]


def closures():
    """The first evaluation of a closure is at x_k: its loss and its gradient are those of the row."""
    for name, make in (("lbfgs", lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=4)), ("adam", lambda p: torch.optim.Adam(p, lr=0.01))):
        for every in (1, 2):
            model, path = network(), f"{name}{every}.h5"
            optimizer, losses, slopes = make(model.parameters()), [], []

            def body(recorder, optimizer, k):
                def closure():
                    optimizer.zero_grad()
                    value = loss(model, BATCHES[k])
                    value.backward()
                    return value

                losses.append(loss(model, BATCHES[k]).item())
                slopes.append(gradient(model, [BATCHES[k]]))
                recorder.before_step(k)
                optimizer.step(closure)
                recorder.after_step()

            seen = train(path, model, 6, 3, every, optimizer=optimizer, body=body, store_gradients=True)
            kept = [0, every, 2 * every]
            check_rows(path, seen, kept)
            same(column(path, "loss"), [losses[k] for k in kept], 1e-6)
            same(column(path, "gradient"), np.stack([slopes[k] for k in kept]), 1e-5)
            same(column(path, "gradient_norm"), [np.linalg.norm(slopes[k].astype("f8")) for k in kept], 1e-6)
            assert column(path, "status").tolist() == [0, 0, 0]
            assert name in settings(path)


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimisation (Foret et al. 2021): climbs to the neighbour, and steps with the gradient there."""

    def __init__(self, parameters, base, rho=0.05, **options):
        super().__init__(parameters, dict(rho=rho, **options))
        self.base_optimizer = base(self.param_groups, **options)

    @torch.no_grad()
    def climb(self):
        norm = torch.stack([p.grad.norm() for group in self.param_groups for p in group["params"]]).norm()
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["old"] = p.detach().clone()
                p.add_(p.grad * (group["rho"] / norm))

    @torch.no_grad()
    def step(self, closure=None):
        if closure is not None:
            self.climb()
            with torch.enable_grad():
                closure()
        for group in self.param_groups:
            for p in group["params"]:
                p.copy_(self.state[p]["old"])
        self.base_optimizer.step()


def sharpness():
    """The gradient of the row is that at x_k, not that of the neighbour; called in the middle of a step, it says so."""
    for way in ("closure", "two"):
        model, slopes = network(), []
        optimizer = SAM(model.parameters(), torch.optim.SGD, lr=0.1)

        def body(recorder, optimizer, k):
            slopes.append(gradient(model, [BATCHES[k]]))

            def closure():
                optimizer.zero_grad()
                value = loss(model, BATCHES[k])
                value.backward()
                return value

            value = closure()
            recorder.before_step(k, value)
            if way == "two":
                optimizer.climb()
                closure()
            optimizer.step(closure if way == "closure" else None)
            recorder.after_step()

        check_rows(f"sam-{way}.h5", train(f"sam-{way}.h5", model, 6, 3, 2, optimizer=optimizer, body=body, store_gradients=True), [0, 2, 4])
        same(column(f"sam-{way}.h5", "gradient"), np.stack(slopes[::2][:3]), 1e-5)

    model = network()
    optimizer = SAM(model.parameters(), torch.optim.SGD, lr=0.1)

    def late(recorder, optimizer, k):
        for half in range(2):
            optimizer.zero_grad()
            value = loss(model, BATCHES[k])
            value.backward()
            if half == 0:
                optimizer.climb()
        recorder.before_step(k, value)
        optimizer.step()
        recorder.after_step()

    with said("the parameters changed between after_step and before_step(2)", "call before_step before its first half"):
        train("sam-late.h5", model, 6, 3, 2, optimizer=optimizer, body=late)
    model = network()
    with said("recording stopped at iteration 1", "the parameters changed between after_step and before_step"):
        train("sam-late-all.h5", model, 6, 6, 1, optimizer=SAM(model.parameters(), torch.optim.SGD, lr=0.1), body=late)


class ScheduleFree(torch.optim.Optimizer):
    """Schedule-free SGD (Defazio et al. 2024) with its two modes: parameters are y in training, their average x in evaluation."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, dict(lr=lr, beta=0.9, train_mode=True, k=0))

    @torch.no_grad()
    def swap(self, is_training):
        for group in self.param_groups:
            if group["train_mode"] != is_training:
                for p in group["params"]:
                    if "z" in self.state[p]:
                        p.lerp_(self.state[p]["z"], 1 - group["beta"] if is_training else 1 - 1 / group["beta"])
                group["train_mode"] = is_training

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            group["k"] += 1
            for p in group["params"]:
                z = self.state[p].setdefault("z", p.detach().clone())
                p.lerp_(z, 1 / group["k"])
                p.add_(p.grad, alpha=group["lr"] * (group["beta"] * (1 - 1 / group["k"]) - 1))
                z.sub_(p.grad, alpha=group["lr"])


def schedule_free():
    model = network()
    optimizer = ScheduleFree(model.parameters(), 0.1)
    check_rows("free.h5", train("free.h5", model, 6, 3, 2, optimizer=optimizer), [0, 2, 4])
    assert "y of schedule-free" in settings("free.h5")

    def averaged(recorder, optimizer, k):
        optimizer.zero_grad()
        value = loss(model, BATCHES[k])
        value.backward()
        optimizer.swap(k < 3)
        recorder.before_step(k, value)
        optimizer.swap(True)
        optimizer.step()
        recorder.after_step()

    with said("recording stopped at iteration 3: RuntimeError: the schedule-free optimiser is in eval mode", "optimizer.train()"):
        train("free-eval.h5", model, 6, 6, 1, optimizer=optimizer, body=averaged)
    assert column("free-eval.h5", "status").tolist() == [0, 0, 0]


def averages():
    model = network()
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    try:
        Recorder("average.h5", average, 3, optimizer=optimizer)
        raise AssertionError("recorded an average")
    except TypeError as error:
        assert "record the model itself" in str(error), error
    with said("none of the recorded parameters is in the optimiser"):
        Recorder("average.h5", average.named_parameters(), 3, optimizer=optimizer).close()

    def body(recorder, optimizer, k):
        optimizer.zero_grad()
        value = loss(model, BATCHES[k])
        value.backward()
        recorder.before_step(k, value)
        optimizer.step()
        recorder.after_step()
        average.update_parameters(model)

    check_rows("averaged.h5", train("averaged.h5", model, 6, 3, 2, optimizer=optimizer, body=body), [0, 2, 4])


def accelerated():
    """accelerate's optimiser steps at every second batch only: these are the updates, with the mean loss of both."""
    from accelerate import Accelerator

    for way in ("batches", "updates", "counted"):
        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
        model, losses, points = network(), [], []
        prepared, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1))
        with Recorder(f"accelerate-{way}.h5", prepared, 3, 2, optimizer) as recorder:
            for k in range(12):
                with accelerator.accumulate(prepared):
                    points += [flat(model.parameters())] if k % 2 == 0 else []
                    value = loss(prepared, BATCHES[k])
                    losses.append(value.item())
                    accelerator.backward(value)
                    recorder.before_step({"batches": k, "updates": k // 2, "counted": None}[way], value)
                    optimizer.step()
                    recorder.after_step()
                    optimizer.zero_grad()
        path = f"accelerate-{way}.h5"
        check_rows(path, points + [flat(model.parameters())], [0, 2, 4])
        same(column(path, "loss", "history"), np.mean(np.reshape(losses, (6, 2)), axis=1), 1e-6)
        assert column(path, "status", "history").tolist() == [0] * 6

    def body(recorder, optimizer, k):
        if k % 2 == 0:
            optimizer.zero_grad()
        value = loss(model, BATCHES[k])
        (value / 2).backward()
        recorder.before_step(k, value)
        if k % 2:
            optimizer.step()
        recorder.after_step()

    model = network()
    with said("the step of iteration 0 did not move the parameters", "around the updates only"):
        train("accumulated.h5", model, 4, 4, 1, body=body)


def groups():
    """There is one learning rate, or none that is that of the step."""
    model = network()
    parts = [{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1}, {"params": [p for p in model.parameters() if p.ndim == 1]}]
    train("one-rate.h5", model, 3, 3, 1, optimizer=torch.optim.SGD(parts, lr=0.1))
    same(column("one-rate.h5", "learning_rate"), [0.1] * 3)
    parts[0]["lr"] = 0.05
    train("two-rates.h5", model, 3, 3, 1, optimizer=torch.optim.SGD(parts, lr=0.1))
    assert np.isnan(column("two-rates.h5", "learning_rate")).all() and recorded("two-rates.h5", "learning_rate") == "no"
    assert column("two-rates.h5", "status").tolist() == [0, 0, 0]
    assert '"learning_rates": [0.05, 0.1]' in settings("two-rates.h5") and '"learning_rate":' not in settings("two-rates.h5")
    train("nesterov.h5", model, 3, 3, 1, optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True))
    assert "heavy-ball" not in settings("nesterov.h5")


def unknown():
    """What is not known is NaN, is said to be so, and makes no row a bad one."""
    model = network()

    def body(recorder, optimizer, k):
        optimizer.zero_grad()
        loss(model, BATCHES[k]).backward()
        recorder.before_step(k, gradient_norm="unknown")
        optimizer.step()
        recorder.after_step()

    train("unknown.h5", model, 3, 3, 1, body=body, clip_norm=1.0)
    for name, answer in (("loss", "partly"), ("gradient_norm", "no"), ("clipped", "no"), ("learning_rate", "partly")):
        assert recorded("unknown.h5", name) == answer, name
    assert np.isnan(column("unknown.h5", "loss")).all() and column("unknown.h5", "status").tolist() == [0, 0, 0]

    def sometimes(recorder, optimizer, k):
        if k != 1:
            optimizer.zero_grad()
            loss(model, BATCHES[k]).backward()
        recorder.before_step(k, None if k == 2 else 1.0)
        optimizer.step()
        recorder.after_step()

    train("sometimes.h5", model, 4, 4, 1, body=sometimes)
    # The second gradient is that of the step before, untouched.
    assert np.isnan(column("sometimes.h5", "gradient_norm")).tolist() == [False, True, False, False]
    assert np.isnan(column("sometimes.h5", "loss")).tolist() == [False, False, True, False]
    assert column("sometimes.h5", "status").tolist() == [0, 0, 0, 0]
    with said("store_gradients: there was no new gradient"):
        train("no-gradient.h5", model, 4, 4, 1, body=sometimes, store_gradients=True)


def exchanged():
    """A tensor that is not the one of the optimiser, or of the recorder any more, is named."""
    def refused(text, path, make):
        try:
            make(path)
        except ValueError as error:
            assert text in str(error), error
        else:
            raise AssertionError(text)

    def before(path):
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model[2] = nn.Linear(8, 1)
        Recorder(path, model.named_parameters(), 3, optimizer=optimizer)

    refused("and does not have 2.weight, 2.bias", "before.h5", before)
    for name, source in (("model", lambda m: m), ("names", lambda m: m.named_parameters()), ("list", lambda m: list(m.named_parameters()))):
        model = network()

        def after(recorder, optimizer, k):
            if k == 2:
                model[2] = nn.Linear(8, 1)
                optimizer.param_groups[0]["params"] = list(model.parameters())
            optimizer.zero_grad()
            value = loss(model, BATCHES[k])
            value.backward()
            recorder.before_step(k, value)
            optimizer.step()
            recorder.after_step()

        text = "the optimiser trains 2 tensors that are not recorded"
        with said("recording stopped at iteration 2", text):
            train(f"exchanged-{name}.h5", model, 4, 4, 1, body=after, source=source(model))
    model = network()

    def tied(recorder, optimizer, k):
        if k == 2:
            model[0].weight = nn.Parameter(model[0].weight.detach().clone())
        recorder.before_step(k, 1.0)
        recorder.after_step()

    with said("recording stopped at iteration 2", "the parameter 0.weight is another tensor than when the recorder was made"):
        train("tied.h5", model, 4, 4, 1, body=tied)
    model = network()

    def doubled(recorder, optimizer, k):
        model.double() if k == 2 else None
        recorder.before_step(k, 1.0)
        recorder.after_step()

    with said("recording stopped at iteration 2", "the parameter 0.weight is torch.float64"):
        train("doubled.h5", model, 4, 4, 1, body=doubled)


def sparse():
    """Gradients of embeddings with several entries for one place."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(6, 3, sparse=True), nn.Flatten(), nn.Linear(6, 1))
    tokens = [torch.tensor([[1, 1], [2, 1]]), torch.tensor([[0, 1], [5, 5]])]

    def value(model, batch):
        return model(batch).square().mean()

    true = []

    def body(recorder, optimizer, k):
        optimizer.zero_grad()
        value(model, tokens[k % 2]).backward()
        true.append(flat(p.grad.to_dense() for p in model.parameters()))
        recorder.before_step(k)
        optimizer.step()
        recorder.after_step()

    train("sparse.h5", model, 4, 4, 1, body=body, store_gradients=True, fixed_subset=FixedSubset(model, value, tokens))
    same(column("sparse.h5", "gradient"), np.stack(true))
    same(column("sparse.h5", "gradient_norm"), [np.linalg.norm(g.astype("f8")) for g in true], 1e-6)


checks = (closures, sharpness, schedule_free, averages, accelerated, groups, unknown, exchanged, sparse)
for check in checks:
    check()
    print(check.__name__, flush=True)
print("all", flush=True)
