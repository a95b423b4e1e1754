"""One training, saved as libraries save it, and its gradients served: what a Trainer, torch.compile and Lightning leave behind."""

import json
import os
import sys
from pathlib import Path

# smoothness_bridge.py stands in the working folder.
sys.path.insert(0, os.getcwd())
import torch
from safetensors.torch import save_file

torch.manual_seed(3)
model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
x, y = torch.randn(64, 6), torch.randint(0, 3, (64,))


def loss(model, batch):
    return torch.nn.functional.cross_entropy(model(batch[0]), batch[1])


def save():
    compiled = torch.compile(model, backend="eager")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for name in ("plain", "compiled", "lightning"):
        Path(name).mkdir()
    for step in range(0, 16):
        if step % 5 == 0:
            state = model.state_dict()
            torch.save(state, f"plain/step-{step}.pt")
            torch.save({"model": compiled.state_dict(), "step": step}, f"compiled/step-{step}.pt")
            prefixed = {"model." + name.replace("3.", "_orig_mod.3."): value for name, value in state.items()}
            torch.save(
                {"epoch": 0, "global_step": step, "pytorch-lightning_version": "2.4.0", "state_dict": prefixed},
                f"lightning/epoch=0-step={step}.ckpt",
            )
            folder = Path(f"trainer/checkpoint-{step}")
            folder.mkdir(parents=True)
            save_file(state, folder / "model.safetensors")
            torch.save(optimizer.state_dict(), folder / "optimizer.pt")
            torch.save({"lr": 1.0}, folder / "scheduler.pt")
            (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        optimizer.zero_grad()
        loss(model, (x, y)).backward()
        optimizer.step()


if len(sys.argv) > 1:
    # What `smoothness bridge` wrote stands where the process is started.
    sys.path.insert(0, str(Path.cwd()))
    from smoothness_bridge import serve

    if sys.argv[1] == "larger":
        model.append(torch.nn.Linear(3, 3))
    serve(model, loss, list(zip(x.split(16), y.split(16))))
else:
    save()
