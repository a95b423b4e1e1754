"""Holds what a Recorder saves against what the training loop itself sees: recorder_checks.py, in a folder with smoothness_bridge.py

Each check trains a small network, keeps its own copies of parameters, gradients and losses, and compares them with the file. Prints a line
for each; the first one that fails ends it. All of them run in one process, because PyTorch takes seconds to start.
"""
import contextlib
import io
import os
import sys
import traceback

sys.path[:0] = [os.getcwd(), os.path.dirname(os.path.abspath(__file__))]
import h5py
import numpy as np
import torch
from recorder_parts import BATCHES, check_rows, flat, gradient, loss, network, rows, said, same, train
from torch import nn

from smoothness_bridge import FixedSubset, Recorder, lightning_callback


def consecutive():
    model = network(nn.BatchNorm1d(8), nn.Dropout(0.3))
    model.eval()
    gradients = []

    def body(recorder, optimizer, k):
        gradients.append(gradient(model, BATCHES[:4]))
        optimizer.zero_grad()
        value = loss(model, BATCHES[k])
        value.backward()
        kept = flat(parameter.grad for parameter in model.parameters())
        buffers, state = flat(model.buffers()), torch.get_rng_state()
        recorder.before_step(k, value)
        same(flat(parameter.grad for parameter in model.parameters()), kept)
        same(flat(model.buffers()), buffers)
        assert torch.equal(torch.get_rng_state(), state)
        optimizer.step()
        recorder.after_step()
        if k == 4:
            gradients.append(gradient(model, BATCHES[:4]))

    seen = train("consecutive.h5", model, 5, 5, body=body, fixed_subset=FixedSubset(model, loss, BATCHES[:4], groups=2))
    check_rows("consecutive.h5", seen, [0, 1, 2, 3, 4])
    with h5py.File("consecutive.h5") as file:
        assert file["trajectory/iterate"].shape[0] == 6 and "next_iterate" not in file["trajectory"]
        same(file["fixed_subset/gradient"][:], np.stack(gradients), 1e-5)
        assert file["fixed_subset/group_gradient"].shape[:2] == (6, 2) and "next_gradient" not in file["fixed_subset"]


def gaps():
    model = network()
    with said("after 0 came 2: record with every=2, or with pairs=True"):
        train("stopped.h5", model, 3, 5, body=lambda recorder, optimizer, k: (recorder.before_step(2 * k, 1.0), recorder.after_step()))

    def moving(recorder, optimizer, k):
        recorder.before_step(3 * k, 1.0)
        with torch.no_grad():
            model[0].weight += 1
        recorder.after_step()

    seen = train("pairs.h5", model, 4, 4, body=moving, pairs=True, iterations=20, every=1)
    for (k, (x, y)), i in zip(rows("pairs.h5").items(), range(4)):
        assert k == 3 * i
        same(x, seen[i])
        same(y, seen[i + 1])
    # A resumed training, and what changes the parameters between two steps.
    seen = train("resumed.h5", model, 9, 3, 4, start=100)
    check_rows("resumed.h5", seen, [100, 104, 108], start=100)


def capacity():
    model = network()
    with said("has no room for more than 3 steps: none is saved from iteration 6 on", "from iteration 0 to 4, of 20: every=7, or iterations=20 without every"):
        seen = train("full.h5", model, 20, 3, 2)
    check_rows("full.h5", seen, [0, 2, 4])
    # Where more is asked for, the next files follow, also with every step once; each is a run file of its own.
    for every, ends in ((2, [[0, 2, 4], [6, 8, 10], [12, 14]]), (1, [[0, 1, 2], [3, 4, 5], [6, 7, 8]])):
        steps = 16 if every == 2 else 9
        name = f"parts{every}"
        with said(f"{name}.h5 is full with 3 steps: going on in ", f"{name}.2.h5 is full", f"recorded {sum(map(len, ends))} steps in 3 files") as kept:
            seen = train(f"{name}.h5", network(), steps, 3, every, files=5)
        assert "no room" not in kept.getvalue(), kept.getvalue()
        for number, expected in enumerate(ends, 1):
            path = f"{name}.h5" if number == 1 else f"{name}.{number}.h5"
            check_rows(path, seen, expected)
            with h5py.File(path) as file:
                assert file.attrs["state"] == "complete" and (number == 1) == (int(file["history/commit"][()]) > 0)
        assert not os.path.exists(f"{name}.4.h5")
    with said("two.2.h5, the last of 2 files, has no room for more than 2 steps: none is saved from iteration 4 on", "spreads 4 steps", "files=5 has room"):
        check_rows("two.2.h5", train("two.h5", network(), 9, 2, 1, files=2), [2, 3])
    try:
        train("two.h5", network(), 9, 2, 1, files=2, body=print)
        raise AssertionError("overwrote a file")
    except FileExistsError as error:
        assert "two.h5 exists" in str(error)
    with said("recorded 3 steps") as kept:
        seen = train("spread.h5", network(), 20, 3, iterations=20)
    assert "no room" not in kept.getvalue(), kept.getvalue()
    check_rows("spread.h5", seen, [0, 7, 14])
    with h5py.File("spread.h5") as file:
        assert int(file["history/commit"][()]) == 20


def half():
    model = network().half()
    seen = train("half.h5", model, 6, 3, 2, body=lambda recorder, optimizer, k: step16(model, recorder, optimizer, k), store_gradients=True)
    check_rows("half.h5", seen, [0, 2, 4])
    with h5py.File("half.h5") as file:
        same(np.linalg.norm(file["trajectory/gradient"][:].astype("f8"), axis=1), file["trajectory/gradient_norm"][:], 1e-6)


def step16(model, recorder, optimizer, k):
    optimizer.zero_grad()
    value = loss(model, (BATCHES[k][0].half(), BATCHES[k][1]))
    value.backward()
    recorder.before_step(k, value)
    optimizer.step()
    recorder.after_step()


def scaled(way):
    """GradScaler with two batches accumulated: gradients come multiplied, as they are, or already clipped."""
    model, scaler, true = network(), torch.amp.GradScaler("cpu", init_scale=4096.0), {}

    def body(recorder, optimizer, k):
        batches = [BATCHES[k % 12], BATCHES[(k + 1) % 12]]
        true[k] = gradient(model, batches)
        optimizer.zero_grad()
        value = sum(loss(model, batch) for batch in batches) / 2
        scaler.scale(value).backward()
        norm = None
        if way != "multiplied":
            scaler.unscale_(optimizer)
        if way == "clipped":
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        recorder.before_step(k, value, gradient_norm=norm)
        if way == "as they are":
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        scaler.step(optimizer)
        scaler.update()
        recorder.after_step()

    path = f"scaled-{way.split()[0]}.h5"
    seen = train(path, model, 6, 3, 2, body=body, store_gradients=True, gradient_scale=scaler, clip_norm=None if way == "multiplied" else 0.25)
    check_rows(path, seen, [0, 2, 4])
    with h5py.File(path) as file:
        expected = np.stack([true[k] for k in (0, 2, 4)])
        same(file["trajectory/gradient"][:], expected, 1e-4)
        same(file["trajectory/gradient_norm"][:], np.linalg.norm(expected.astype("f8"), axis=1), 1e-5)
        assert file["trajectory/clipped"][:].tolist() == [0 if way == "multiplied" else 1] * 3


def skipped_step():
    """A step that the GradScaler leaves out has a status, and the training goes on."""
    model, scaler = network(), torch.amp.GradScaler("cpu", init_scale=4096.0)

    def body(recorder, optimizer, k):
        optimizer.zero_grad()
        value = loss(model, BATCHES[k])
        scaler.scale(value * (float("inf") if k == 1 else 1)).backward()
        recorder.before_step(k, value)
        scaler.step(optimizer)
        scaler.update()
        recorder.after_step()

    train("skipped.h5", model, 4, 4, 1, body=body, gradient_scale=scaler)
    with h5py.File("skipped.h5") as file:
        assert file["trajectory/status"][:].tolist() == [0, 1, 0, 0]


def compiled():
    model, own = network(nn.BatchNorm1d(8)), network(nn.BatchNorm1d(8))
    wrapped = torch.compile(model, backend="aot_eager")
    seen = train("compiled.h5", model, 6, 3, 2, source=wrapped)
    check_rows("compiled.h5", seen, [0, 2, 4])
    same(seen[-1], train("eager.h5", own, 6, 3, 2)[-1], 1e-5)
    with h5py.File("compiled.h5") as first, h5py.File("eager.h5") as second:
        assert first["parameters/name"][:].tolist() == second["parameters/name"][:].tolist()
        assert b"running_mean" not in b"".join(first["parameters/name"][:])


def distributed(folder):
    """Two processes on two halves of every batch are one process on all of it; the first one writes."""
    from torch.nn.parallel import DistributedDataParallel

    def child(rank):
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
        model = network()
        wrapped = DistributedDataParallel(model)
        optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
        fixed = FixedSubset(wrapped, loss, BATCHES[:2])
        with Recorder("distributed.h5", wrapped.named_parameters(), 3, 2, optimizer, fixed_subset=fixed) as recorder:
            assert recorder.active == (rank == 0)
            for k in range(6):
                part = slice(2 * rank, 2 * rank + 2)
                optimizer.zero_grad()
                value = loss(wrapped, (BATCHES[k][0][part], BATCHES[k][1][part]))
                value.backward()
                recorder.before_step(k, value)
                optimizer.step()
                recorder.after_step()
        # The process ends without taking the group down: that joins a thread which may be waiting for the interpreter's lock, and so hangs now and then.
        torch.distributed.barrier()

    children = []
    for rank in range(2):
        number = os.fork()
        if number == 0:
            try:
                child(rank)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(number)
    assert [os.waitpid(number, 0)[1] for number in children] == [0, 0]
    seen = train("single.h5", network(), 6, 3, 2)
    for (k, (x, y)), expected in zip(rows("distributed.h5").items(), [0, 2, 4]):
        assert k == expected
        same(x, seen[k], 1e-4)
        same(y, seen[k + 1], 1e-4)
    with h5py.File("distributed.h5") as first, h5py.File("single.h5") as second:
        assert first["parameters/name"][:].tolist() == second["parameters/name"][:].tolist()
        same(first["trajectory/gradient_norm"][:], second["trajectory/gradient_norm"][:], 1e-4)


def lightning():
    """A scaler of Lightning's own, accumulation and clipping by value; the callback spreads its steps over the training."""
    import lightning
    from lightning.pytorch.plugins import MixedPrecision

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layers, self.seen = network(), []

        def training_step(self, batch, index=0):
            value = nn.functional.mse_loss(self.layers(batch[0]).float(), batch[1])
            self.seen.append(value.item())
            return value

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    module = Module()
    plugin = MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu", init_scale=256.0))
    with contextlib.redirect_stdout(io.StringIO()):
        lightning.Trainer(max_epochs=2, accumulate_grad_batches=2, gradient_clip_val=0.01, gradient_clip_algorithm="value", logger=False, plugins=plugin,
                          enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
                          callbacks=[lightning_callback("lightning.h5", 4)]).fit(module, torch.utils.data.DataLoader(BATCHES, batch_size=None))
    assert list(rows("lightning.h5")) == [0, 3, 6, 9]
    with h5py.File("lightning.h5") as file:
        means = np.array(module.seen).reshape(12, 2).mean(axis=1)
        same(file["history/loss"][:12], means, 1e-6)
        # Not the clip norm of any theorem.
        assert "clip_norm" not in file["optimizer"].asstr()[()]


def messages():
    model = network()
    for source, text in ((model.parameters(), "not model.parameters()"), (model.state_dict(), "a state dictionary"),
                         (network().to("meta"), "holds no data"), (3, "parameters are a torch module")):
        try:
            Recorder("wrong.h5", source, 3)
        except (TypeError, ValueError) as error:
            assert text in str(error), error
        else:
            raise AssertionError(text)
    with said("after_step was not called after before_step(0)", "recorded 0 steps"):
        train("forgotten.h5", model, 3, 5, body=lambda recorder, optimizer, k: recorder.before_step(k, 1.0))
    with said("k came as 0 after 2: it counts the updates of the whole training"):
        train("epochs.h5", model, 6, 5, 1, body=lambda recorder, optimizer, k: (recorder.before_step(k % 3, 1.0), recorder.after_step()))
    with said("no k was a multiple of every=2"):
        train("odd.h5", model, 3, 5, 2, body=lambda recorder, optimizer, k: (recorder.before_step(2 * k + 1, 1.0), recorder.after_step()))
    assert not os.path.exists("wrong.h5") and not os.path.exists("odd.h5")


checks = {"consecutive": consecutive, "gaps": gaps, "capacity": capacity, "half": half, "multiplied": lambda: scaled("multiplied"),
          "as they are": lambda: scaled("as they are"), "clipped": lambda: scaled("clipped"), "skipped step": skipped_step, "messages": messages,
          "distributed": lambda: distributed(os.getcwd()), "compiled": compiled, "lightning": lightning}
for name, check in checks.items():
    check()
    print(name, flush=True)
print("all", flush=True)
