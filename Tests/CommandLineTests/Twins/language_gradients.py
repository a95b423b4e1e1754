"""Makes every stored gradient of a run on a language model again, in PyTorch and NumPy, from the run file alone.

    language_gradients.py RUN.h5

The run has --store-gradients and --order cyclic. Everything is rebuilt from the JSON under /objective: the text, the cuts, the
masks, the state from which a component starts. Prints one JSON object a row: iteration, component, loss, the stored loss, and
for every block ‖g − twin‖/‖twin‖, 0 where both are zero.
"""
import json
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
sys.path += [str(TESTS / "ModelsTests/Twins"), str(TESTS / "EstimationTests/Twins")]

import h5py
import numpy as np
import torch

import lstm_twin
import transformer_twin
from lstm_curve_twin import training_tokens


def byte_tokens(text):
    with open(text["file"]["path"], "rb") as file:
        lines = file.read().splitlines(keepends=True)
    if "held_out_fraction" in text:
        lines = lines[: len(lines) - max(1, int(text["held_out_fraction"] * len(lines)))]
    return np.frombuffer(b"".join(lines), np.uint8).astype(np.int64), 256


def cuts(objective, places, draw):
    """Where segments begin, and the end."""
    steps = objective["sequence_length"]
    fixed = list(range(0, places, steps)) + [places]
    if objective.get("segment_lengths", "fixed") == "fixed":
        return fixed
    count = len(fixed) - 1
    draws = lstm_twin.uniforms(objective["seed"], "segment lengths", draw, 3 * count).reshape(count, 3)
    base = np.where(draws[:, 0] < 0.95, float(steps), steps / 2)
    normal = np.sqrt(-2 * np.log(1 - draws[:, 1])) * np.cos(2 * np.pi * draws[:, 2])
    weights = np.maximum(5, np.floor(base + 5 * normal).astype(int))
    sums = [0] + np.cumsum(weights).tolist()
    return [j + (places - count) * sums[j] // sums[-1] for j in range(count + 1)]


class Component:
    """The tokens and masks of components of one draw."""

    def __init__(self, objective, draw):
        self.objective, self.draw = objective, draw
        text = objective["text"]
        path = text["file"]["path"]
        tokens, vocabulary = byte_tokens(text) if text["tokenization"] == "bytes" else training_tokens(text, path)
        assert vocabulary == objective["network"]["vocabulary_size"], vocabulary
        self.streams = objective["batch_size"]
        length = len(tokens) // self.streams
        self.grid = np.asarray(tokens[: length * self.streams], np.int64).reshape(self.streams, length).T
        self.cuts = cuts(objective, length - 1, draw)
        self.count = len(self.cuts) - 1
        assert self.count == objective["training"]["component_count"], self.count

    def batch(self, component):
        start, end = self.cuts[component : component + 2]
        return np.ascontiguousarray(self.grid[start:end]), np.ascontiguousarray(self.grid[start + 1 : end + 1])


def lstm_configuration(network):
    keys = {
        "vocabularySize": "vocabulary_size", "embeddingSize": "embedding_size", "hiddenSize": "hidden_size",
        "layerCount": "layer_count", "tiedWeights": "tied_weights", "dropout": "dropout",
    }
    configuration = {key: network[name] for key, name in keys.items()}
    configuration["regularization"] = network.get("regularization")
    return configuration


class RecurrentTwin:
    """The LSTM, with the state that the segments before a component leave."""

    def __init__(self, objective, dtype):
        self.objective = objective
        self.configuration = lstm_configuration(objective["network"])
        self.twin = lstm_twin.LSTMTwin(self.configuration, dtype)
        self.burn_in = objective["burn_in"] if objective.get("state") == "carried" else 0

    def masks(self, data, component):
        length = len(data.batch(component)[0])
        return lstm_twin.dropout_masks(
            self.configuration, self.objective["seed"], component, length, data.streams, data.draw)

    def gradient(self, point, data, component):
        self.twin.load(point)
        state = None
        for before in range(max(0, component - self.burn_in), component):
            with torch.no_grad():
                state = self.twin(
                    torch.from_numpy(data.batch(before)[0]), self.masks(data, before), state, wants_state=True)
        return self.twin.gradient(point, *data.batch(component), self.masks(data, component), state)


class AttentionTwin:
    def __init__(self, objective, dtype):
        self.objective = objective
        self.twin = transformer_twin.TransformerTwin(objective["network"], dtype)

    def gradient(self, point, data, component):
        inputs, targets = data.batch(component)
        masks = transformer_twin.dropout_masks(
            self.objective["network"], self.objective["seed"], component, *inputs.shape, data.draw)
        return self.twin.gradient(point, inputs, targets, masks)


def main(path):
    rows = []
    with h5py.File(path) as run:
        objective = json.loads(run["objective"].asstr()[()])
        optimizer = json.loads(run["optimizer"].asstr()[()])
        assert optimizer["order"] == "cyclic", optimizer["order"]
        dtype = {"float32": torch.float32, "float64": torch.float64}[optimizer["precision"]]
        kind = {"lstm-language-model": RecurrentTwin, "transformer-language-model": AttentionTwin}[objective["kind"]]
        twin = kind(objective, dtype)
        names, offsets = run["parameters/name"].asstr()[:], run["parameters/offset"][:]
        bounds = list(offsets) + [run["trajectory/iterate"].shape[1]]
        drawn = {}
        for row in range(int(run["commit"][()])):
            iteration = int(run["trajectory/iteration"][row])
            epoch, component = divmod(iteration, objective["training"]["component_count"])
            draw = epoch if objective.get("training_draws") == "fresh" else 0
            if draw not in drawn:
                drawn[draw] = Component(objective, draw)
            loss, gradient = twin.gradient(run["trajectory/iterate"][row], drawn[draw], component)
            stored = run["trajectory/gradient"][row]
            errors = {}
            for name, start, end in zip(names, bounds, bounds[1:]):
                here, there = stored[start:end].astype(float), gradient[start:end].astype(float)
                size = np.linalg.norm(there)
                errors[name] = float(np.linalg.norm(here - there) / size) if size else float(np.linalg.norm(here))
            rows.append({
                "iteration": iteration, "draw": draw, "component": component, "loss": loss,
                "stored_loss": float(run["trajectory/loss"][row]), "errors": errors})
    json.dump({"rows": rows}, sys.stdout)


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    main(*sys.argv[1:])
