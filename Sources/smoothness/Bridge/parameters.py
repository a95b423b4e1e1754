"""smoothness_bridge: record runs for `smoothness`, and serve gradients to it, from a training loop in Python.

    from smoothness_bridge import Recorder
    with Recorder("run.h5", parameters=model.named_parameters(), capacity=200, every=5, optimizer=optimizer) as recorder:
        for k, batch in enumerate(batches):
            optimizer.zero_grad(); loss = compute(model, batch); loss.backward()
            recorder.before_step(k, loss); optimizer.step(); recorder.after_step()

    from smoothness_bridge import serve
    serve(model, compute, components)            # answers: smoothness estimate run.h5 --oracle "python my_run.py --serve"

Needs NumPy, and h5py to record; PyTorch or JAX where they are used. Made by `smoothness bridge`: keep it beside your script.
The file format is docs/run-file.md, the protocol docs/gradient-process.md, a tutorial docs/pytorch.md of smoothness.
"""

import hashlib
import json
import math
import mmap
import os
import random
import struct
import sys
import time
import traceback
import uuid
import zlib

import numpy as np

__version__ = "@VERSION@"
SOFTWARE = "smoothness_bridge"
PROTOCOL = 1


def _say(text):
    print(f"smoothness: {text}", file=sys.stderr, flush=True)


def _plain_name(name):
    """Without what wrappers put before it: DistributedDataParallel, DataParallel, torch.compile."""
    return ".".join(part for part in name.split(".") if part not in ("module", "_orig_mod"))


def _unwrapped(model):
    """The module inside DistributedDataParallel, DataParallel and torch.compile."""
    kinds = ("DistributedDataParallel", "DataParallel", "OptimizedModule")
    while type(model).__name__ in kinds:
        model = model._orig_mod if hasattr(model, "_orig_mod") else model.module
    return model


def _walk(named):
    """A function that walks through the named parameters again; None where they came as a list.

    model.named_parameters(), the usual way to name them, is a generator whose frame still knows the model and the choices.
    """
    if hasattr(named, "named_parameters"):
        return named.named_parameters
    frame = getattr(named, "gi_frame", None)
    known = frame.f_locals if frame is not None else {}
    if getattr(named, "__name__", "") != "named_parameters" or not hasattr(known.get("self"), "named_parameters"):
        return None
    model, choices = known["self"], {key: known[key] for key in ("prefix", "recurse", "remove_duplicate") if key in known}
    return lambda: model.named_parameters(**choices)


def _dense(tensor):
    """A gradient as a dense tensor: those of embeddings may be sparse, with several entries for one place."""
    tensor = tensor.detach()
    return tensor if tensor.layout is sys.modules["torch"].strided else tensor.to_dense()


class TorchParameters:
    """The trainable parameters of a model as one flat vector; tied weights stand in it once, frozen ones not at all."""

    def __init__(self, named):
        import torch

        self.torch, self.walk = torch, _walk(named)
        named = list(named.named_parameters() if hasattr(named, "named_parameters") else named)
        self.tensors, self.names, self.shapes, self.frozen = [], [], [], []
        seen, full = set(), []
        if any(not (isinstance(item, tuple) and len(item) == 2) for item in named):
            raise TypeError("parameters have names here: give the model or model.named_parameters(), not model.parameters()")
        for name, tensor in named:
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            if type(tensor).__name__ == "DTensor" or hasattr(tensor, "_is_flat_param") or tensor.is_meta:
                raise TypeError(
                    f"the parameter {name} is sharded or holds no data: FSDP and the like are not supported; record on a "
                    "model whose parameters are whole on this process, as DistributedDataParallel keeps them")
            if not tensor.requires_grad:
                self.frozen.append(_plain_name(name))
                continue
            if not tensor.is_floating_point():
                raise TypeError(f"the parameter {name} is {tensor.dtype}; the parameter vector is of real numbers")
            self.tensors.append(tensor)
            self.names.append(_plain_name(name))
            full.append(name)
            self.shapes.append(tuple(tensor.shape))
        if not self.tensors:
            raise ValueError("there are no trainable parameters (named_parameters() can be walked through once only: give it anew)")
        if len(set(self.names)) < len(self.names):
            self.names = full
        self.counts = [tensor.numel() for tensor in self.tensors]
        self.dtype = np.dtype("f8" if any(tensor.dtype == torch.float64 for tensor in self.tensors) else "f4")
        self.software = f"torch {torch.__version__}"

    def _copy(self, sources, flat):
        target, start = self.torch.from_numpy(flat), 0
        with self.torch.no_grad():
            for source, count in zip(sources, self.counts):
                if source is None:
                    target[start:start + count].zero_()
                else:
                    target[start:start + count].copy_(_dense(source).reshape(-1))
                start += count

    def require_unchanged(self):
        """Refuses parameters that are others than at the start: what is recorded would stand still, or be narrowed."""
        kept = dict(zip(map(id, self.tensors), self.names))
        for name, tensor in self.walk() if self.walk else []:
            if tensor.requires_grad and id(tensor) not in kept:
                raise ValueError(
                    f"the parameter {_plain_name(name)} is another tensor than when the recorder was made, or was frozen then (a module exchanged, weights "
                    "tied, a part unfrozen?): make the optimiser and then the recorder after that")
            kept.pop(id(tensor), None)
        if self.walk and kept:
            raise ValueError(
                f"the parameter {next(iter(kept.values()))} does not belong to the model any more (a module exchanged, weights tied?): make the optimiser and "
                "then the recorder after that")
        for name, tensor, shape in zip(self.names, self.tensors, self.shapes):
            if tuple(tensor.shape) != shape or tensor.dtype == self.torch.float64 and self.dtype.itemsize < 8:
                raise ValueError(
                    f"the parameter {name} is {tensor.dtype} of shape {list(tensor.shape)} now, and the file was made for {self.dtype} of shape {list(shape)}: "
                    "convert the model first, and then make the recorder")

    def read(self, flat, tree=None):
        """x, into a NumPy vector; 16-bit numbers are widened, which loses nothing."""
        self._copy(self.tensors, flat)

    def write(self, flat):
        source, start = self.torch.from_numpy(flat), 0
        with self.torch.no_grad():
            for tensor, count in zip(self.tensors, self.counts):
                tensor.copy_(source[start:start + count].view(tensor.shape))
                start += count

    def gradients(self, flat, tree=None):
        self._copy([tensor.grad for tensor in self.tensors], flat)

    def gradient_norm(self):
        """In float64 on the parameters' own devices; None where there are no gradients."""
        norms = [_dense(tensor.grad).double().norm() for tensor in self.tensors if tensor.grad is not None]
        return math.sqrt(sum(float(norm) ** 2 for norm in norms)) if norms else None

    def sample(self):
        """A few numbers of every tensor, by which it shows whether they have changed."""
        parts = [tensor.detach().reshape(-1)[::max(1, count // 16)][:17].double().cpu() for tensor, count in zip(self.tensors, self.counts)]
        return self.torch.cat(parts).numpy()

    def are(self, flat):
        """Whether they are these numbers."""
        own = np.zeros_like(flat)
        self.read(own)
        return own.tobytes() == flat.tobytes()

    def copies(self):
        return [tensor.detach().clone() for tensor in self.tensors]

    def step_norm(self, before):
        norms = [(tensor.detach().double() - old.double()).norm() for tensor, old in zip(self.tensors, before)]
        return math.sqrt(sum(float(norm) ** 2 for norm in norms))

    @property
    def is_writer(self):
        distributed = self.torch.distributed
        return not (distributed.is_available() and distributed.is_initialized() and distributed.get_rank() != 0)


class TreeParameters:
    """The real leaves of a pytree (JAX, Flax, or dictionaries of NumPy arrays) as one flat vector."""

    def __init__(self, tree):
        self.jax = sys.modules.get("jax")
        leaves = [(name, np.asarray(leaf)) for name, leaf in self.leaves(tree)]
        if not leaves:
            raise ValueError("the tree of parameters has no leaf of real numbers")
        self.names = [name for name, _ in leaves]
        self.shapes = [leaf.shape for _, leaf in leaves]
        self.counts = [leaf.size for _, leaf in leaves]
        self.dtype = np.dtype("f8" if any(leaf.dtype == np.float64 for _, leaf in leaves) else "f4")
        self.frozen = []
        self.software = f"jax {self.jax.__version__}" if self.jax else f"numpy {np.__version__}"

    def _is_real(self, leaf):
        if self.jax:
            return hasattr(leaf, "dtype") and self.jax.numpy.issubdtype(leaf.dtype, self.jax.numpy.floating)
        return np.issubdtype(np.asarray(leaf).dtype, np.floating)

    def leaves(self, tree):
        """(name, leaf) of every real leaf, in the tree's own order."""
        if self.jax:
            paths = self.jax.tree_util.tree_flatten_with_path(tree)[0]
            found = [(".".join(str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in path) or "x", leaf)
                     for path, leaf in paths]
        elif isinstance(tree, dict):
            found = sorted(tree.items())
        else:
            raise TypeError(f"parameters are a torch module, its named_parameters(), or a tree of JAX or NumPy arrays, not {type(tree).__name__}")
        return [(name, leaf) for name, leaf in found if self._is_real(leaf)]

    def read(self, flat, tree=None):
        if tree is None:
            raise ValueError("pass the parameters: before_step(k, loss, parameters=…) and after_step(parameters=…)")
        start = 0
        leaves = [np.asarray(leaf) for _, leaf in self.leaves(tree)]
        if [leaf.shape for leaf in leaves] != self.shapes:
            raise ValueError(f"the leaves of the tree have the shapes {[leaf.shape for leaf in leaves]}, and had {self.shapes} at the start")
        for leaf, count in zip(leaves, self.counts):
            flat[start:start + count] = leaf.astype(flat.dtype, copy=False).reshape(-1)
            start += count

    gradients = read

    def tree(self, flat, like):
        """The tree with the numbers of a flat vector in the place of its real leaves."""
        parts, start = [], 0
        for shape, count in zip(self.shapes, self.counts):
            parts.append(flat[start:start + count].reshape(shape))
            start += count
        if not self.jax:
            return dict(zip(self.names, parts))
        leaves, structure = self.jax.tree_util.tree_flatten(like)
        rest = iter(parts)
        # An array that JAX may not share: the memory changes with the next point.
        made = [self.jax.numpy.array(next(rest), copy=True) if self._is_real(leaf) else leaf for leaf in leaves]
        return self.jax.tree_util.tree_unflatten(structure, made)

    def gradient_norm(self):
        return None

    @property
    def is_writer(self):
        return self.jax is None or self.jax.process_index() == 0


def _parameters(source):
    """Of a torch module, of its named_parameters() as an iterator, a list or a dictionary, or of a tree."""
    is_torch = hasattr(source, "named_parameters") or not isinstance(source, dict) and hasattr(source, "__next__")
    if isinstance(source, dict) and any(hasattr(value, "requires_grad") for value in source.values()):
        if not any(getattr(value, "requires_grad", False) for value in source.values()):
            raise TypeError("a state dictionary holds copies that are not trained: give the model or model.named_parameters()")
        source, is_torch = list(source.items()), True
    if isinstance(source, (list, tuple)) and source:
        first = source[0][1] if isinstance(source[0], tuple) and len(source[0]) == 2 else source[0]
        is_torch = is_torch or hasattr(first, "requires_grad")
    return TorchParameters(source) if is_torch else TreeParameters(source)
