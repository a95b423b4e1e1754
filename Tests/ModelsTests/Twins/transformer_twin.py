"""An independent Transformer language model in PyTorch, as a user would write it, from one flat parameter vector.

    from transformer_twin import TransformerTwin, layout, initial_point, dropout_masks
    twin = TransformerTwin(network, dtype)         # network: a dict with the keys of TransformerConfiguration
    loss, gradient = twin.gradient(point, inputs, targets, masks)

`inputs` and `targets` are integer arrays [T, B]; the loss is the mean cross-entropy per token in nats.
"""

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

from lstm_twin import uniforms


def layout(network):
    """[(name, shape)] of the flat vector."""
    width = network["width"]
    blocks = [
        ("wte.weight", (network["vocabulary_size"], width)),
        ("wpe.weight", (network["context_length"], width)),
    ]

    def add(name, *shape):
        blocks.append((f"{name}.weight", shape))
        blocks.append((f"{name}.bias", shape[:1]))

    for layer in range(network["layer_count"]):
        add(f"h.{layer}.ln_1", width)
        add(f"h.{layer}.attn.c_attn", 3 * width, width)
        add(f"h.{layer}.attn.c_proj", width, width)
        add(f"h.{layer}.ln_2", width)
        add(f"h.{layer}.mlp.c_fc", 4 * width, width)
        add(f"h.{layer}.mlp.c_proj", width, 4 * width)
    add("ln_f", width)
    return blocks


def normals(seed, purpose, count):
    """Box and Muller's transform, two uniform numbers each."""
    draws = uniforms(seed, purpose, 0, 2 * count).reshape(count, 2)
    return np.sqrt(-2 * np.log(1 - draws[:, 0])) * np.cos(2 * np.pi * draws[:, 1])


def initial_point(network, seed, dtype):
    """GPT-2's: normal with 0.02, projections back to x with 0.02/sqrt(2 layers), norms one, biases zero."""
    blocks = []
    for name, shape in layout(network):
        count = int(np.prod(shape))
        if len(shape) == 1:
            blocks.append(np.full(count, 1.0 if "ln_" in name and name.endswith("weight") else 0.0))
            continue
        deviation = 0.02 / np.sqrt(2 * network["layer_count"]) if name.endswith("c_proj.weight") else 0.02
        blocks.append(deviation * normals(seed, f"initial-{name}", count))
    return np.concatenate(blocks).astype(dtype)


def dropout_masks(network, seed, component, length, count, draw=0):
    """The scaled masks of one component, [B, T, C] by place; None without dropout."""
    probability = network["dropout"]
    if probability == 0:
        return None
    names = ["embedding"]
    for layer in range(network["layer_count"]):
        names += [f"attention-{layer}", f"feedforward-{layer}"]
    masks = {}
    for name in names:
        purpose = f"dropout-{name}" + (f"-draw-{draw}" if draw else "")
        kept = uniforms(seed, purpose, component, length * count * network["width"]) >= probability
        masks[name] = kept.reshape(length, count, network["width"]).transpose(1, 0, 2) / (1 - probability)
    return masks


class Attention(nn.Module):
    def __init__(self, width, heads, dtype):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width, dtype=dtype)
        self.c_proj = nn.Linear(width, width, dtype=dtype)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(batch, length, width))


class FeedForward(nn.Module):
    def __init__(self, width, dtype):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width, dtype=dtype)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * width, width, dtype=dtype)

    def forward(self, x):
        return self.c_proj(self.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width, heads, dtype):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, dtype=dtype)
        self.attn = Attention(width, heads, dtype)
        self.ln_2 = nn.LayerNorm(width, dtype=dtype)
        self.mlp = FeedForward(width, dtype)


class TransformerTwin(nn.Module):
    def __init__(self, network, dtype=torch.float64):
        super().__init__()
        self.network = network
        width = network["width"]
        self.wte = nn.Embedding(network["vocabulary_size"], width, dtype=dtype)
        self.wpe = nn.Embedding(network["context_length"], width, dtype=dtype)
        self.h = nn.ModuleList([Block(width, network["head_count"], dtype) for _ in range(network["layer_count"])])
        self.ln_f = nn.LayerNorm(width, dtype=dtype)

    def load(self, point):
        """Takes all parameters from the flat vector."""
        parameters = dict(self.named_parameters())
        offset = 0
        with torch.no_grad():
            for name, shape in layout(self.network):
                count = int(np.prod(shape))
                parameters[name].copy_(torch.from_numpy(point[offset : offset + count]).reshape(shape))
                offset += count
        if offset != point.size:
            raise ValueError(f"the flat vector has {point.size} elements, the network {offset}")

    def loss(self, inputs, targets, masks=None):
        """Mean cross-entropy of [T, B] tokens."""
        tokens = torch.from_numpy(inputs).T.contiguous()

        def dropped(x, place):
            return x if masks is None else x * torch.from_numpy(masks[place]).to(x.dtype)

        x = dropped(self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1])), "embedding")
        for index, block in enumerate(self.h):
            x = x + dropped(block.attn(block.ln_1(x)), f"attention-{index}")
            x = x + dropped(block.mlp(block.ln_2(x)), f"feedforward-{index}")
        logits = functional.linear(self.ln_f(x), self.wte.weight)
        return functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).T.flatten())

    def gradient(self, point, inputs, targets, masks=None):
        """(loss, flat gradient) at a flat point."""
        self.load(point)
        self.zero_grad(set_to_none=True)
        loss = self.loss(inputs, targets, masks)
        loss.backward()
        parameters = dict(self.named_parameters())
        return loss.item(), np.concatenate([parameters[name].grad.numpy().ravel() for name, _ in layout(self.network)])
