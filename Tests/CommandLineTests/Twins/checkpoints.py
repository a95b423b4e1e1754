"""Writes the checkpoints of a model of two layers as people leave them, into the folder in which it runs.

trainer/checkpoint-N/model.safetensors with what a trainer saves beside it; the same numbers in other orders and under other names in
reversed/step-N.pt, and gradients (three times the iterates) in gradients/step-N.pt; numbers.json: [checkpoint][block by name][element].
"""
import json
import os
import zipfile

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
    torch.save({"state": {}}, f"{folder}/optimizer.pt")
    torch.save({"lr": 1.0}, f"{folder}/scheduler.pt")
    torch.save({"cpu": torch.zeros(2, dtype=torch.uint8)}, f"{folder}/rng_state.pth")
    torch.save({"a": 1}, f"{folder}/training_args.bin")
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

for state, step in zip(states, (0, 2, 10)):
    os.makedirs("gaps", exist_ok=True)
    torch.save(state, f"gaps/step-{step}.pt")
np.savez("lengths.npz", a=np.zeros((3, 2), "f4"), b=np.zeros((4, 2), "f4"))
with zipfile.ZipFile("self.pt", "w") as archive:
    # A list that holds itself.
    archive.writestr("a/data.pkl", b"\x80\x02]q\x00h\x00a.")
    archive.writestr("a/version", "3\n")
with zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    with archive.open("w.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": (6, 3 << 22)})
        for _ in range(6 * 3):
            member.write(bytes(1 << 24))
packed = np.random.default_rng(5).standard_normal((7, 3001)).astype("f4")
np.savez("stored.npz", w=packed, b=packed[:, :11].astype("f8"), f=np.asfortranarray(packed[:, :5]))
np.savez_compressed("deflated.npz", w=packed, b=packed[:, :11].astype("f8"), f=np.asfortranarray(packed[:, :5]))
