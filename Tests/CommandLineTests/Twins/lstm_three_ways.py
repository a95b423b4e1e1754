"""Trains the LSTM of a run file in PyTorch and leaves what is needed to estimate it without this process; or serves its gradients.

    lstm_three_ways.py RUN.h5 FOLDER PRECISION COMPONENTS
    lstm_three_ways.py RUN.h5 FOLDER PRECISION serve        with smoothness_bridge.py in FOLDER

RUN.h5 only says what the network and its text are. Writes to FOLDER: states.pt (iterates, gradients and losses on the components, by
torch.save), module.pt (the scripted loss) and batches.h5 (its batches).
"""
import importlib.util
import json
import os
import sys
from collections import OrderedDict

import h5py
import numpy as np
import torch

place = os.path.join(os.path.dirname(__file__), "..", "..", "EstimationTests", "Twins", "lstm_curve_twin.py")
specification = importlib.util.spec_from_file_location("twin", place)
twin = importlib.util.module_from_spec(specification)
specification.loader.exec_module(twin)


class LanguageModel(torch.nn.Module):
    def __init__(self, vocabulary: int, embedding: int, hidden: int, layers: int, tied: bool):
        super().__init__()
        self.encoder = torch.nn.Embedding(vocabulary, embedding)
        self.lstm = torch.nn.LSTM(embedding, hidden, layers)
        self.decoder = torch.nn.Linear(hidden, vocabulary)
        if tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        hidden = self.lstm(self.encoder(inputs))[0]
        logits = self.decoder(hidden.flatten(0, 1))
        return torch.nn.functional.cross_entropy(logits, targets.flatten())


def main(run_path, folder, precision, components):
    dtype = getattr(torch, precision)
    with h5py.File(run_path) as run:
        objective = json.loads(run["objective"].asstr()[()])
    text = twin.Model(objective, objective["text"]["file"]["path"], [], dtype, False)
    network = objective["network"]
    torch.manual_seed(1)
    model = LanguageModel(network["vocabulary_size"], network["embedding_size"], network["hidden_size"],
                          network["layer_count"], network["tied_weights"]).to(dtype).eval()
    batches = [text.batch(component) for component in range(text.component_count)]
    if components == "serve":
        sys.path.insert(0, folder)
        from smoothness_bridge import serve
        return serve(model, lambda model, batch: model(*batch), batches, weights=[inputs.numel() for inputs, _ in batches])

    def evaluate(chosen):
        model.zero_grad()
        weights = [batches[c][0].numel() for c in chosen]
        total = 0.0
        for c, weight in zip(chosen, weights):
            loss = model(*batches[c]) * (weight / sum(weights))
            loss.backward()
            total += loss.item()
        return total, OrderedDict((name, p.grad.clone()) for name, p in model.named_parameters())

    chosen = [int(c) for c in components.split(",")]
    saved = {"weights": [], "grads": [], "loss": []}
    for k in range(6):
        loss, gradient = evaluate(chosen)
        saved["weights"].append(OrderedDict((n, p.detach().clone()) for n, p in model.named_parameters()))
        saved["grads"].append(gradient)
        saved["loss"].append(loss)
        _, step = evaluate([k % (len(batches) - 1)])
        with torch.no_grad():
            for name, p in model.named_parameters():
                p -= 2.0 * step[name]
    saved["loss"] = torch.tensor(saved["loss"], dtype=torch.float64)
    torch.save(saved, os.path.join(folder, "states.pt"))
    torch.jit.script(model).save(os.path.join(folder, "module.pt"))
    # The last batch is shorter and stays out of the file.
    whole = batches[:-1]
    with h5py.File(os.path.join(folder, "batches.h5"), "w") as file:
        file["inputs"] = np.stack([x.numpy() for x, _ in whole])
        file["targets"] = np.stack([y.numpy() for _, y in whole])
        file["component_weight"] = np.array([x.numel() for x, _ in whole], "f8")


if __name__ == "__main__":
    main(*sys.argv[1:])
