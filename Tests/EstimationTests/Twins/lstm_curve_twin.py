"""Twin of `smoothness estimate` for the LSTM language model.

Rebuilds the model from a run file with h5py, PyTorch and the standard library alone, from the JSON of the objective, the
table of parameters and the text file, and measures eq. 20 of Zhang et al. 2020 anew. It shares no code with the program.

    lstm_curve_twin.py RUN.h5 ESTIMATES.h5 [TEXT]

prints one JSON object: rows with loss, gradient norm and the curve over the gammas that the estimates file names.
"""
import json
import sys
import unicodedata

import h5py
import numpy as np
import torch
import torch.nn.functional as F

# Unicode's White_Space, which is not quite Python's.
SPACE = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
WORD = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No"}
JOINERS = "'’-‐"


# -- text ---------------------------------------------------------------------------------------------------------------

def pieces(line):
    piece = ""
    for character in line:
        if character in SPACE:
            if piece:
                yield piece
            piece = ""
        else:
            piece += character
    if piece:
        yield piece


def words(line, tokenization):
    if tokenization == "characters":
        return list(line)
    found = []
    for piece in pieces(line):
        if tokenization == "whitespace" or piece in ("<unk>", "<eos>"):
            found.append(piece)
            continue
        text = piece.lower()
        is_word = [unicodedata.category(c) in WORD for c in text]
        run = ""
        for i, c in enumerate(text):
            joins = run and c in JOINERS and 0 < i < len(text) - 1 and is_word[i - 1] and is_word[i + 1]
            if is_word[i] or joins:
                run += c
                continue
            if run:
                found.append(run)
            run = ""
            found.append(c)
        if run:
            found.append(run)
    return found


def training_tokens(description, path):
    with open(path, "rb") as file:
        text = file.read().decode("utf-8").removeprefix("\ufeff")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    lines = [words(line.removesuffix("\r"), description["tokenization"]) for line in lines]
    if "held_out_fraction" in description:
        lines = lines[: len(lines) - max(1, int(description["held_out_fraction"] * len(lines)))]
    counts, first = {}, {}
    for line in lines:
        for word in line:
            counts[word] = counts.get(word, 0) + 1
            first.setdefault(word, len(first))
    ordered = sorted((w for w in counts if w not in ("<unk>", "<eos>")), key=lambda w: (-counts[w], first[w]))
    if description.get("vocabulary_limit") is not None:
        ordered = ordered[: max(description["vocabulary_limit"] - 2, 0)]
    number = {word: i for i, word in enumerate(["<unk>", "<eos>"] + ordered)}
    tokens = []
    for line in lines:
        tokens += [number.get(word, 0) for word in line]
        if not line or line[-1] != "<eos>":
            tokens.append(1)
    return np.array(tokens), len(number)


# -- randomness: SplitMix64 as the program documents it -------------------------------------------------------------------

def mix(z):
    with np.errstate(over="ignore"):
        z = np.uint64(z)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniforms(seed, purpose, index, count):
    code = 0xCBF29CE484222325
    for byte in purpose.encode():
        code = ((code ^ byte) * 0x100000001B3) % 2**64
    start = mix(np.uint64(seed) ^ mix(code) ^ mix((index + 1) % 2**64))
    with np.errstate(over="ignore"):
        states = start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mix(states) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def subset(rule, count):
    """The components that a configuration names, drawn anew."""
    if "list" in rule:
        return sorted(rule["list"]["indices"])
    if "standard" in rule:
        rule = {"sample": {"fraction": 1 if count < 10 else 0.1, "seed": rule["standard"]["seed"]}}
    size = int(np.floor(rule["sample"]["fraction"] * count + 0.5))
    code = 0xCBF29CE484222325
    for byte in b"subset":
        code = ((code ^ byte) * 0x100000001B3) % 2**64
    state = int(mix(np.uint64(rule["sample"]["seed"]) ^ mix(code) ^ mix(1)))

    def below(bound):
        nonlocal state
        while True:
            state = (state + 0x9E3779B97F4A7C15) % 2**64
            product = int(mix(state)) * bound
            if product % 2**64 >= (2**64 - bound) % bound:
                return product >> 64

    order = list(range(count))
    for last in range(count - 1, 0, -1):
        other = below(last + 1)
        order[last], order[other] = order[other], order[last]
    return sorted(order[:size])


# -- model ----------------------------------------------------------------------------------------------------------------

class Model:
    def __init__(self, objective, path, blocks, dtype, masked):
        self.network, self.dtype, self.blocks = objective["network"], dtype, blocks
        self.seed = objective["seed"]
        self.drop = self.network["dropout"] if masked else 0.0
        tokens, vocabulary = training_tokens(objective["text"], path)
        assert vocabulary == self.network["vocabulary_size"], (vocabulary, self.network["vocabulary_size"])
        self.streams, self.steps = objective["batch_size"], objective["sequence_length"]
        self.length = len(tokens) // self.streams
        self.tokens = torch.tensor(tokens[: self.streams * self.length].reshape(self.streams, self.length).T)
        self.component_count = -(-(self.length - 1) // self.steps)
        assert self.component_count == objective["training"]["component_count"]

    def batch(self, component):
        start = component * self.steps
        end = min(start + self.steps, self.length - 1)
        return self.tokens[start:end], self.tokens[start + 1 : end + 1]

    def mask(self, place, component, x):
        if self.drop == 0:
            return x
        keep = uniforms(self.seed, f"dropout-{place}", component, x.numel()).reshape(x.shape) >= self.drop
        return x * torch.tensor(keep, dtype=self.dtype) * (1 / (1 - self.drop))

    def loss(self, flat, component):
        p = {name: flat[o : o + int(np.prod(shape))].view(shape) for name, shape, o in self.blocks}
        inputs, targets = self.batch(component)
        x = self.mask("embedding", component, F.embedding(inputs, p["encoder.weight"]))
        layers = self.network["layer_count"]
        for layer in range(layers):
            w_ih, w_hh, b_ih, b_hh = (
                p[f"lstm.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            h = c = torch.zeros(x.shape[1], w_hh.shape[1], dtype=self.dtype)
            outputs = []
            for t in range(x.shape[0]):
                i, f, g, o = (x[t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
                outputs.append(h)
            x = self.mask("output" if layer == layers - 1 else f"layer-{layer}", component, torch.stack(outputs))
        decoder = p["encoder.weight"] if self.network["tied_weights"] else p["decoder.weight"]
        logits = x.reshape(-1, x.shape[2]) @ decoder.T + p["decoder.bias"]
        return F.cross_entropy(logits, targets.reshape(-1))

    def subset_gradient(self, point, components):
        """f_S and its gradient, summed in double precision."""
        total, loss, gradient = 0.0, 0.0, np.zeros(point.size)
        for component in components:
            flat = torch.tensor(point, dtype=self.dtype, requires_grad=True)
            value = self.loss(flat, component)
            value.backward()
            weight = self.batch(component)[0].numel()
            loss += weight * value.item()
            gradient += weight * flat.grad.numpy().astype(np.float64)
            total += weight
        return loss / total, gradient / total


def main(run_path, estimates_path, text=None):
    with h5py.File(estimates_path) as file:
        gammas = file["gammas"][:]
        configuration = json.loads(file["configuration"].asstr()[()])
        stored_components = file["components"][:].tolist()
        rows = int(file["commit"][()])
    dtype = {"float32": torch.float32, "float64": torch.float64}[configuration["precision"]]
    scalar = {"float32": np.float32, "float64": np.float64}[configuration["precision"]]
    with h5py.File(run_path) as run:
        objective = json.loads(run["objective"].asstr()[()])
        shapes = [[int(n) for n in shape if n >= 0] for shape in run["parameters/shape"][:]]
        blocks = list(zip(run["parameters/name"].asstr()[:], shapes, run["parameters/offset"][:].tolist()))
        masked = configuration["evaluation"]["masks"] == "fixed"
        model = Model(objective, text or objective["text"]["file"]["path"], blocks, dtype, masked)
        components = subset(configuration["subset"], model.component_count)
        # The file has them in the order in which they were drawn.
        assert components == sorted(stored_components), (components, stored_components)
        result = []
        for row in range(rows):
            x = run["trajectory/iterate"][row].astype(scalar)
            following = (
                run["trajectory/next_iterate"][row] if "next_iterate" in run["trajectory"]
                else run["trajectory/iterate"][row + 1]).astype(scalar)
            loss, base = model.subset_gradient(x, components)
            curve = []
            for gamma in gammas:
                start = x.astype(np.float64)
                probe = following if gamma == 1 else (start + gamma * (following.astype(np.float64) - start)).astype(scalar)
                difference = model.subset_gradient(probe, components)[1] - base
                curve.append(np.linalg.norm(difference) / np.linalg.norm(probe.astype(np.float64) - start))
            result.append({
                "iteration": int(run["trajectory/iteration"][row]), "loss": loss,
                "gradient_norm": float(np.linalg.norm(base)), "curve": [float(value) for value in curve],
                "smoothness": float(max(curve))})
    json.dump({"rows": result}, sys.stdout)


if __name__ == "__main__":
    torch.manual_seed(0)
    main(*sys.argv[1:])
