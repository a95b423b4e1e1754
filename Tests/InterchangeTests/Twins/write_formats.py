"""Writes the same snapshots in every format that is imported, by the libraries themselves.

Usage: write_formats.py FOLDER    The numbers that a float64 reader must find are written to FOLDER/expected.f8 (iterates, then gradients:
[4][w 3x2, b 5] each), for the element types of TYPES one after the other.
"""
import os
import sys
from collections import OrderedDict

import h5py
import numpy as np
import torch
from safetensors.torch import save_file

TYPES = ["float32", "float64", "float16", "bfloat16"]

folder = sys.argv[1]
generator = torch.Generator().manual_seed(1)
expected = []
for name in TYPES:
    kind = getattr(torch, name)
    w = torch.randn(4, 3, 2, generator=generator, dtype=torch.float64).to(kind)
    b = torch.randn(4, 5, generator=generator, dtype=torch.float64).to(kind)
    gw, gb = (w * 3).to(kind), (b * 3).to(kind)
    states = [OrderedDict(w=w[k].clone(), b=b[k].clone()) for k in range(4)]
    gradients = [OrderedDict(w=gw[k].clone(), b=gb[k].clone()) for k in range(4)]
    for tensors in ((w, b), (gw, gb)):
        expected.append(np.concatenate([np.concatenate([t[k].double().numpy().ravel() for t in tensors])
                                        for k in range(4)]))
    place = lambda text: os.path.join(folder, f"{name}-{text}")
    save_file({"weights.w": w, "weights.b": b, "grads.w": gw, "grads.b": gb}, place("stacked.safetensors"))
    torch.save({"weights": {"w": w, "b": b}, "grads": {"w": gw, "b": gb}}, place("stacked.pt"))
    torch.save({"weights": states, "grads": gradients, "epoch": 3, "lr": 0.1, "name": "run"}, place("listed.pt"))
    for k in range(4):
        # Written so that the alphabet would put the last one first; a view of a larger storage, and a parameter.
        torch.save({"weights": OrderedDict(w=torch.nn.Parameter(w[k]), b=b[k]), "grads": gradients[k]},
                   place(f"series-{k + 8}.pt"))
    if name == "bfloat16":
        continue
    arrays = dict(w=w.numpy(), b=b.numpy(), gw=gw.numpy(), gb=gb.numpy())
    np.savez(place("stored.npz"), **{"weights/w": arrays["w"], "weights/b": arrays["b"], "grads/w": arrays["gw"],
                                     "grads/b": arrays["gb"]})
    np.savez_compressed(place("deflated.npz"), **{"weights/w": arrays["w"], "weights/b": arrays["b"],
                                                  "grads/w": arrays["gw"], "grads/b": arrays["gb"]})
    if name == "float16":
        continue
    with h5py.File(place("plain.h5"), "w") as file:
        for group, first, second in (("weights", "w", "b"), ("grads", "gw", "gb")):
            # Chunked and compressed, as other programs do.
            file.create_dataset(f"{group}/w", data=arrays[first], chunks=(1, 3, 2), compression="gzip")
            file.create_dataset(f"{group}/b", data=arrays[second])
np.concatenate(expected).astype("<f8").tofile(os.path.join(folder, "expected.f8"))

# What must be refused.


class Evil:
    def __reduce__(self):
        return os.system, (f"touch {folder}/owned",)


torch.save({"weights": torch.zeros(2, 3), "evil": Evil()}, os.path.join(folder, "evil.pt"))
torch.save({"weights": torch.arange(6).reshape(2, 3)}, os.path.join(folder, "integers.pt"))
torch.save({"weights": torch.zeros(2, 3, dtype=torch.complex64)}, os.path.join(folder, "complex.pt"))
torch.save(torch.nn.Linear(2, 2), os.path.join(folder, "module.pt"))
torch.save({"weights": torch.zeros(2, 3)}, os.path.join(folder, "legacy.pt"), _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), os.path.join(folder, "script.pt"))
with h5py.File(os.path.join(folder, "elsewhere.h5"), "w") as file:
    other = os.path.join(folder, "float32-plain.h5")
    file["weights"] = h5py.ExternalLink(other, "/weights")
    file["soft"] = h5py.SoftLink("/weights/w")
    file["itself"] = h5py.SoftLink("/inside")
    file["dangling"] = h5py.SoftLink("/nowhere")
    file["inside"] = np.ones((4, 3), "f4")
    layout = h5py.VirtualLayout((4, 5), "f4")
    layout[:] = h5py.VirtualSource(other, "weights/b", (4, 5))
    file.create_virtual_dataset("virtual", layout)
    file.create_dataset("stored", (4, 5), "f4", external=[(other, 0, 80)])
np.savez(os.path.join(folder, "objects.npz"), weights=np.array([{}, Evil()], dtype=object))
with open(os.path.join(folder, "bare.pkl"), "wb") as file:
    import pickle
    pickle.dump(Evil(), file)
