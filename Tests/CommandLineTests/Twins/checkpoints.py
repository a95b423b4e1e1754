"""Writes the checkpoints of a model of two layers as people leave them, into the folder in which it runs.

trainer/checkpoint-N/model.safetensors with what a trainer saves beside it; the same numbers in other orders and under other names in
reversed/step-N.pt, and gradients (three times the iterates) in gradients/step-N.pt; numbers.json: [checkpoint][block by name][element].
"""
import json
import os

import numpy as np
import torch
from safetensors.torch import save_file

torch.manual_seed(3)
STEPS = (4, 8, 12)
states = []
for step in STEPS:
    state = {"z.weight": torch.randn(4, 3), "z.bias": torch.randn(4), "a.weight": torch.randn(2, 4), "a.bias": torch.randn(2)}
    states.append(state)
    folder = f"trainer/checkpoint-{step}"
    os.makedirs(folder)
    save_file(state, f"{folder}/model.safetensors")
    with open(f"{folder}/config.json", "w") as file:
        file.write("{}")
    with open(f"{folder}/trainer_state.json", "w") as file:
        json.dump({"global_step": step}, file)
    for name in ("reversed", "gradients"):
        os.makedirs(name, exist_ok=True)
    torch.save({"state_dict": {f"module.{n}": state[n] for n in state}, "rng": np.random.default_rng(0).bit_generator.state},
               f"reversed/step-{step}.pt")
    torch.save({n: 3 * state[n] for n in reversed(state)}, f"gradients/step-{step}.pt")
with open("numbers.json", "w") as file:
    json.dump([{n: t.ravel().tolist() for n, t in s.items()} for s in states], file)

torch.save(states[0], "one.pt")
torch.save([{**s, "extra": torch.zeros(2)} for s in states], "extra.pt")
torch.save([{n: t for n, t in s.items() if n != "z.bias"} for s in states], "less.pt")
torch.save([{**s, "z.bias": torch.zeros(5)} for s in states], "longer.pt")
np.save("flat.npy", np.arange(81, dtype="f4").reshape(3, 27))
np.savez("whole.npz", w=np.arange(240, dtype="f4").reshape(6, 40))
data = bytearray(open("whole.npz", "rb").read())
data[data.find(b"\x93NUMPY") + 128 + 33] ^= 1
with open("one-bit.npz", "wb") as file:
    file.write(data)
