"""An independent LSTM language model in PyTorch, rebuilt from one flat parameter vector.

Everything that `smoothness` says about its LSTM objective can be made again from here: the layout of the flat vector,
the initial point, the dropout masks of a component, the loss and the gradient. Import it:

    from lstm_twin import LSTMTwin, dropout_masks
    twin = LSTMTwin(configuration, dtype)          # configuration: a dict with the keys of LSTMConfiguration
    loss, gradient = twin.gradient(point, inputs, targets, masks)

`inputs` and `targets` are integer arrays [T, B]; every component starts from a zero state; the loss is the mean
cross-entropy per token in nats.
"""

import numpy as np
import torch
import torch.nn.functional as functional

MASK = (1 << 64) - 1
INCREMENT = 0x9E3779B97F4A7C15


def mix(word):
    """The finaliser of SplitMix64, on one Python integer."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def uniforms(seed, purpose, index, count):
    """The first `count` uniform numbers of the generator (seed, purpose, index), each a multiple of 2^-53 in [0, 1)."""
    digest = 0xCBF29CE484222325
    for byte in purpose.encode():
        digest = ((digest ^ byte) * 0x100000001B3) & MASK
    state = mix((seed ^ mix(digest) ^ mix(((index & MASK) + 1) & MASK)) & MASK)
    with np.errstate(over="ignore"):
        word = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(INCREMENT)
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        word = word ^ (word >> np.uint64(31))
    return (word >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hidden_sizes(configuration):
    """H of every layer: with tied weights the last one is the embedding size."""
    sizes = [configuration["hiddenSize"]] * configuration["layerCount"]
    if configuration["tiedWeights"]:
        sizes[-1] = configuration["embeddingSize"]
    return sizes


def layout(configuration):
    """[(name, shape)] of the flat vector."""
    vocabulary, width = configuration["vocabularySize"], configuration["embeddingSize"]
    blocks = [("encoder.weight", (vocabulary, width))]
    for layer, hidden in enumerate(hidden_sizes(configuration)):
        blocks += [
            (f"lstm.weight_ih_l{layer}", (4 * hidden, width)),
            (f"lstm.weight_hh_l{layer}", (4 * hidden, hidden)),
            (f"lstm.bias_ih_l{layer}", (4 * hidden,)),
            (f"lstm.bias_hh_l{layer}", (4 * hidden,)),
        ]
        width = hidden
    if not configuration["tiedWeights"]:
        blocks.append(("decoder.weight", (vocabulary, width)))
    return blocks + [("decoder.bias", (vocabulary,))]


def initial_point(configuration, seed, dtype):
    """Where training starts: everything of an LSTM layer uniform on ±1/sqrt(H), weights of embedding and decoder on ±0.1,
    the decoder's bias zero."""
    blocks = []
    for name, shape in layout(configuration):
        if name == "decoder.bias":
            bound = 0.0
        elif name in ("encoder.weight", "decoder.weight"):
            bound = 0.1
        else:
            bound = 1 / np.sqrt(shape[0] / 4)
        blocks.append(bound * (2 * uniforms(seed, f"initial-{name}", 0, int(np.prod(shape))) - 1))
    return np.concatenate(blocks).astype(dtype)


def dropout_masks(configuration, seed, component, length, count, draw=0):
    """The masks of one component, already scaled: a dict with `places`, [T or 1, B, width] for the embedding and every layer,
    and for AWD-LSTM `words` [V, 1] and `recurrent`, [4H, H] for every layer. None without dropout."""
    hidden = hidden_sizes(configuration)
    names = ["embedding"] + [f"layer-{layer}" for layer in range(len(hidden) - 1)] + ["output"]
    widths = [configuration["embeddingSize"]] + hidden

    def mask(name, shape, probability):
        purpose = f"dropout-{name}" + (f"-draw-{draw}" if draw else "")
        kept = uniforms(seed, purpose, component, int(np.prod(shape))) >= probability
        return kept.reshape(shape) / (1 - probability)

    awd = configuration.get("regularization")
    if awd is None:
        probability = configuration["dropout"]
        if probability == 0:
            return None
        return {"places": [mask(n, (length, count, w), probability) for n, w in zip(names, widths)]}
    # Variational dropout: one mask for all steps.
    probabilities = [awd["input_dropout"]] + [awd["hidden_dropout"]] * (len(hidden) - 1) + [awd["output_dropout"]]
    masks = {"places": [mask(n, (1, count, w), p) for n, w, p in zip(names, widths, probabilities)]}
    if awd["word_dropout"] > 0:
        masks["words"] = mask("words", (configuration["vocabularySize"], 1), awd["word_dropout"])
    if awd["weight_dropout"] > 0:
        masks["recurrent"] = [
            mask(f"recurrent-{layer}", (4 * h, h), awd["weight_dropout"]) for layer, h in enumerate(hidden)
        ]
    return masks


class LSTMTwin(torch.nn.Module):
    """nn.Embedding, one nn.LSTM a layer, and a linear decoder that may share the embedding's weight."""

    def __init__(self, configuration, dtype=torch.float64):
        super().__init__()
        self.configuration = configuration
        vocabulary, width = configuration["vocabularySize"], configuration["embeddingSize"]
        self.encoder = torch.nn.Embedding(vocabulary, width, dtype=dtype)
        self.layers = torch.nn.ModuleList()
        for hidden in hidden_sizes(configuration):
            self.layers.append(torch.nn.LSTM(width, hidden, dtype=dtype))
            width = hidden
        self.decoder = torch.nn.Linear(width, vocabulary, dtype=dtype)
        if configuration["tiedWeights"]:
            self.decoder.weight = self.encoder.weight

    def parameter(self, name):
        """The parameter behind a block's name."""
        module, _, rest = name.partition(".")
        if module == "lstm":
            tensor, _, layer = rest.rpartition("_l")
            return getattr(self.layers[int(layer)], f"{tensor}_l0")
        return getattr(getattr(self, module), rest)

    def load(self, point):
        """Takes all parameters from the flat vector."""
        offset = 0
        with torch.no_grad():
            for name, shape in layout(self.configuration):
                count = int(np.prod(shape))
                self.parameter(name).copy_(torch.from_numpy(point[offset : offset + count]).reshape(shape))
                offset += count
        if offset != point.size:
            raise ValueError(f"the flat vector has {point.size} elements, the network {offset}")

    def forward(self, inputs, masks=None, state=None, wants_state=False):
        """Logits, what the last layer puts out, and the same after dropout; or, if it is wanted, the state after the last
        step, a list of (h, c), which is also the form of `state`."""
        masks = masks or {}

        def masked(sequence, place):
            if "places" not in masks:
                return sequence
            return sequence * torch.from_numpy(masks["places"][place]).to(sequence.dtype)

        weight = self.encoder.weight
        if "words" in masks:
            weight = weight * torch.from_numpy(masks["words"]).to(weight.dtype)
        sequence = masked(functional.embedding(inputs, weight), 0)
        output = sequence
        final = []
        for index, layer in enumerate(self.layers):
            before = () if state is None else (state[index],)
            if "recurrent" in masks:
                names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
                weights = {name: getattr(layer, name) for name in names}
                mask = torch.from_numpy(masks["recurrent"][index]).to(weight.dtype)
                weights["weight_hh_l0"] = weights["weight_hh_l0"] * mask
                output, after = torch.func.functional_call(layer, weights, (sequence, *before))
            else:
                output, after = layer(sequence, *before)
            final.append(after)
            sequence = masked(output, index + 1)
        return final if wants_state else (self.decoder(sequence), output, sequence)

    def loss(self, inputs, targets, masks=None, state=None):
        logits, output, dropped = self(torch.from_numpy(inputs), masks, state)
        loss = functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).flatten())
        awd = self.configuration.get("regularization")
        if awd is None:
            return loss
        loss = loss + awd["activation"] * dropped.pow(2).mean()
        if len(output) > 1:
            loss = loss + awd["temporal_activation"] * (output[1:] - output[:-1]).pow(2).mean()
        return loss

    def gradient(self, point, inputs, targets, masks=None, state=None):
        """(loss, flat gradient) at a flat point."""
        self.load(point)
        self.zero_grad(set_to_none=True)
        loss = self.loss(inputs, targets, masks, state)
        loss.backward()
        blocks = [self.parameter(name).grad.numpy().ravel() for name, _ in layout(self.configuration)]
        return loss.item(), np.concatenate(blocks)
