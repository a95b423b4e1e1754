"""Dense Hessians by PyTorch for the tests of Hessian-vector products. Usage: hessian_check.py FOLDER

FOLDER holds case.json, whose `kind` is lstm, transformer or image, and point (float64). The first two have `network`, `length`,
`count`, `seed` and `component` beside inputs and targets (int64); the last has `description`, as under /objective of a run
file, and `component`. Written there: hessian, float64 [P, P]. Printed: the loss.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as functional
from torch.nn.attention import SDPBackend, sdpa_kernel

folder = sys.argv[1]
with open(f"{folder}/case.json") as file:
    case = json.load(file)
point = torch.from_numpy(np.fromfile(f"{folder}/point", np.float64))


class Loss(torch.nn.Module):
    """A twin whose forward pass is the loss, so that its parameters can be replaced by pieces of a flat vector."""

    def __init__(self, network, loss):
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self):
        return self.loss(self.network)


def language(module, network, parameter_name):
    shape = (case["length"], case["count"])
    inputs, targets = (np.fromfile(f"{folder}/{name}", np.int64).reshape(shape) for name in ("inputs", "targets"))
    masks = module.dropout_masks(case["network"], case["seed"], case["component"], *shape)
    blocks = [(parameter_name(name), shape) for name, shape in module.layout(case["network"])]
    return Loss(network, lambda twin: twin.loss(inputs, targets, masks)), blocks


if case["kind"] == "lstm":
    import lstm_twin

    def own_name(name):
        if not name.startswith("lstm."):
            return name
        tensor, _, layer = name[len("lstm.") :].rpartition("_l")
        return f"layers.{layer}.{tensor}_l0"

    model, blocks = language(lstm_twin, lstm_twin.LSTMTwin(case["network"]), own_name)
elif case["kind"] == "transformer":
    import transformer_twin

    model, blocks = language(transformer_twin, transformer_twin.TransformerTwin(case["network"]), lambda name: name)
else:
    from image_data import ImageData
    from image_networks import build

    description = case["description"]
    images, labels = (torch.as_tensor(values) for values in ImageData(description).batch(case["component"], 0))
    smoothing = description["label_smoothing"]
    model = Loss(
        build(description["network"]).train(),
        lambda network: functional.cross_entropy(network(images), labels, label_smoothing=smoothing),
    )
    blocks = [(name, parameter.shape) for name, parameter in model.network.named_parameters()]


def loss(flat):
    sizes = [int(np.prod(shape)) for _, shape in blocks]
    pieces = flat.split(sizes)
    parameters = {f"network.{name}": piece.reshape(shape) for (name, shape), piece in zip(blocks, pieces)}
    return torch.func.functional_call(model, parameters, ())


with sdpa_kernel(SDPBackend.MATH):
    hessian = torch.autograd.functional.hessian(loss, point)
    hessian.numpy().tofile(f"{folder}/hessian")
    print(repr(loss(point).item()))
