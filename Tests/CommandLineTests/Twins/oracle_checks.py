"""Holds what serve makes of models, losses and data against PyTorch alone: oracle_checks.py, in a folder with smoothness_bridge.py

Each check makes a source of oracle_models.py, tries it as serve does before it answers, and compares weights, gradients in both precisions and what was
left behind. Prints a line for each; the first one that fails ends it.
"""
import os
import sys

sys.path[:0] = [os.getcwd(), os.path.dirname(os.path.abspath(__file__))]
import numpy as np
import torch
from oracle_models import KINDS, LABELS, TOKENS, X

import smoothness_bridge as bridge
from smoothness_bridge import FixedSubset


def source(kind):
    model, loss, components, options = KINDS[kind]()
    return bridge._TorchSource(model, loss, components, None, 0, options.get("count"))


def refused(kind, text):
    try:
        source(kind).trial()
    except (ValueError, TypeError) as error:
        assert text in str(error), (kind, error)
    else:
        raise AssertionError(f"{kind} was not refused")


def gradient(found, precision, index=0):
    """Of a component where the model is, from the source."""
    own = np.zeros(sum(found.parameters.counts), precision)
    found.parameters.read(own)
    found.prepare(precision)
    found.move(own)
    into = np.zeros_like(own)
    return found.gradient(index, 0, into), into


def both(kind, precisions=("float32", "float64")):
    """Tried, and the same function twice and in both precisions; the state of the model is what it was."""
    model, loss, components, options = KINDS[kind]()
    found = bridge._TorchSource(model, loss, components, None, 0, options.get("count"))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found.trial()
    assert set(found.precisions) == set(precisions), (kind, found.precisions)
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) and before[key].dtype == after[key].dtype for key in before), kind
    values = [gradient(found, precision) for precision in (*precisions, *precisions)]
    for value, slope in values[len(precisions):]:
        assert np.isfinite(value) and np.linalg.norm(slope) > 0, kind
    for (value, slope), (again, same) in zip(values[:len(precisions)], values[len(precisions):]):
        assert value == again and slope.tobytes() == same.tobytes(), kind
    (value, slope), (exact, other) = values[0], values[len(precisions) - 1]
    assert abs(value - exact) <= 1e-5 * abs(exact), (kind, value, exact)
    assert np.linalg.norm(slope.astype("f8") - other) <= 1e-4 * np.linalg.norm(other), kind
    return found


def own_gradient(kind):
    """∇ of the first component from PyTorch alone."""
    model, loss, components, _ = KINDS[kind]()
    loss(model, components[0]).backward()
    return torch.cat([p.grad.to_dense().reshape(-1) for p in model.parameters()]).numpy()


def check_refusals():
    refused("outer", "does not use the model that it is given")
    refused("other", "does not depend on the parameters of the model")
    refused("constant", "does not depend on the parameters of the model")
    refused("next", "component 0 is other data when it is asked for again")
    refused("too many", "count=9, and there are 4 components")
    refused("dictionary", "components are a dictionary")
    refused("endless", "an iterator without a length, which had not ended after 100,000 batches")


def check_models():
    for kind in ("lambda", "sparse", "renormed", "changing", "frozen norms", "once", "counted", "double"):
        found = both(kind)
        assert not found.warnings, (kind, found.warnings)
    for kind in ("sparse", "lambda"):
        # Both make the same numbers from the same seed.
        torch.manual_seed(5)
        expected = own_gradient(kind)
        torch.manual_seed(5)
        found = source(kind)
        found.trial()
        _, own = gradient(found, "float32")
        assert np.linalg.norm(own - expected) <= 1e-6 * np.linalg.norm(expected), kind
    for kind in ("weighted", "constants"):
        found = both(kind, ("float32",))
        assert "float64 is not served" in found.warnings[0] and "machine epsilon" in found.warnings[0], found.warnings
    assert any("float64 shows rounding in part only" in note for note in both("float loss").notes)


def check_blocks():
    found = source("detached")
    found.trial()
    assert "the loss moves with e.weight, a.weight, a.bias, and no gradient reaches them" in found.warnings[0], found.warnings
    assert gradient(found, "float64")[1].any()


def check_weights():
    model = KINDS["tokens"]()[0]
    logits = model(X)
    means = {
        "tokens": torch.nn.functional.cross_entropy(logits.flatten(0, 1), LABELS.flatten()),
        "shifted": torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), LABELS[:, 1:].flatten()),
    }
    for kind, note in (("tokens", "a mean over labels that count:"), ("shifted", "without the first of every sequence")):
        found = source(kind)
        found.trial()
        assert any(note in text for text in found.notes), found.notes
        weights = [found.weight(i) for i in range(4)]
        losses = [gradient(found, "float32", i)[0] for i in range(4)]
        assert abs(np.dot(weights, losses) / sum(weights) - means[kind].item()) < 1e-5, kind
    found = source("sequences")
    found.trial()
    assert [found.weight(i) for i in range(4)] == [8.0] * 4 and not found.warnings
    found = source("unclear")
    found.trial()
    assert [found.weight(i) for i in range(4)] == [8.0] * 4 and "pass weights=" in found.warnings[0], found.warnings
    model, loss, components, _ = KINDS["tokens"]()
    fixed = FixedSubset(model, loss, components)
    assert fixed.weights == [float((batch["labels"] != -100).sum()) for batch in TOKENS], fixed.weights
    try:
        FixedSubset(*KINDS["outer"]()[:3])
        raise AssertionError("a fixed subset of another model")
    except ValueError as error:
        assert "does not use the model" in str(error)


for check in (check_refusals, check_models, check_blocks, check_weights):
    check()
    print(check.__name__, flush=True)
print("all", flush=True)
