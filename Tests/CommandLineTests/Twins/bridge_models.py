"""Models that the tests of the bridge record and serve.

    bridge_models.py KIND record RUN.h5      trains a few iterations with a Recorder
    bridge_models.py KIND serve              answers requests for gradients
    bridge_models.py KIND check RUN.h5 ROWS.csv      makes the rows of an estimate on all components at γ = 1 again, without the bridge

smoothness_bridge.py stands in the working folder. Kinds: lstm32, lstm64 (the model of the run template.h5 there), gpt (a transformer of the
`transformers` package with random weights), trainer (the same, trained by its Trainer), lightning, resnet, resnet-eval, jax, half
(bfloat16, tied, frozen, compiled), accumulate (gradient scaling and accumulation), dropout (unseeded).
"""
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())
import numpy as np

from smoothness_bridge import FixedSubset, Recorder, hugging_face_callback, lightning_callback, serve

kind, action = sys.argv[1:3]
print(f"{kind} is made", file=sys.stderr if action == "check" else sys.stdout)                     # what scripts print must not disturb the protocol


def train(model, loss, batches, optimizer, steps=12, capacity=4, every=3, **options):
    with Recorder(sys.argv[3], model.named_parameters(), capacity, every, optimizer, overwrite=True, **options) as recorder:
        for k in range(steps):
            optimizer.zero_grad()
            value = loss(model, batches[k % len(batches)])
            value.backward()
            recorder.before_step(k, value)
            optimizer.step()
            recorder.after_step()


def check(model, loss, batches):
    import csv
    import h5py
    import torch

    model = model.float()
    tensors = [p for p in model.parameters() if p.requires_grad]

    def mean_gradient(flat):
        start = 0
        with torch.no_grad():
            for tensor in tensors:
                tensor.copy_(torch.from_numpy(flat[start:start + tensor.numel()]).reshape(tensor.shape))
                start += tensor.numel()
        # Batches are of one size.
        losses = torch.stack([loss(model, batch) for batch in batches])
        gradients = torch.autograd.grad(losses.mean(), tensors, allow_unused=True)
        return losses.mean().item(), torch.cat([g.reshape(-1) for g in gradients]).double()

    worst = 0.0
    with h5py.File(sys.argv[3]) as file, open(sys.argv[4]) as table:
        rows = list(csv.DictReader(table))
        assert len(rows) == int(file["commit"][()]) == 4, len(rows)
        for row, found in enumerate(rows):
            x, y = file["trajectory/iterate"][row], file["trajectory/next_iterate"][row]
            (value, g), (_, h) = mean_gradient(x), mean_gradient(y)
            step = np.linalg.norm(y.astype("f8") - x.astype("f8"))
            for name, expected in (("loss", value), ("gradient_norm", float(g.norm())), ("smoothness", float((h - g).norm()) / step)):
                worst = max(worst, abs(float(found[name]) / expected - 1))
    print(json.dumps({"rows": len(rows), "worst": worst}))


def run(model, loss, batches, optimizer=None, weights=None, seed=0, **options):
    import torch

    if action == "serve":
        serve(model, loss, batches, weights=weights, seed=seed)
    elif action == "check":
        check(model, loss, batches)
    else:
        train(model, loss, batches, optimizer or torch.optim.SGD(model.parameters(), lr=0.1), **options)


def lstm(precision):
    tests = Path(__file__).resolve().parents[2]
    sys.path += [str(tests / "ModelsTests/Twins"), str(tests / "EstimationTests/Twins"), str(Path(__file__).parent)]
    import h5py
    import torch
    from language_gradients import Component

    with h5py.File("template.h5") as file:
        objective = json.loads(file["objective"].asstr()[()])
    data = Component(objective, 0)
    network = objective["network"]

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            size = network["hidden_size"]
            self.encoder = torch.nn.Embedding(network["vocabulary_size"], size)
            self.lstm = torch.nn.LSTM(size, size, network["layer_count"])
            self.decoder = torch.nn.Linear(size, network["vocabulary_size"])
            self.decoder.weight = self.encoder.weight

        def forward(self, inputs):
            return self.decoder(self.lstm(self.encoder(inputs))[0])

    def loss(model, batch):
        return torch.nn.functional.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

    torch.manual_seed(3)
    torch.set_num_threads(1)
    batches = [[torch.from_numpy(part) for part in data.batch(i)] for i in range(data.count)]
    model = Model().to(precision)
    fixed = FixedSubset(model, loss, batches[:6], [b[0].numel() for b in batches[:6]], groups=3) if action == "record" else None
    run(model, loss, batches, torch.optim.SGD(model.parameters(), lr=2.0), [b[0].numel() for b in batches], objective=objective, fixed_subset=fixed)


def gpt():
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2))
    model.train()
    tokens = torch.randint(0, 50, (12, 4, 16))
    return model, [{"input_ids": part, "labels": part} for part in tokens], lambda model, batch: model(**batch).loss


def trainer():
    import torch
    from transformers import Trainer, TrainingArguments

    model, batches, loss = gpt()
    if action == "serve":
        return run(model, loss, batches)
    examples = [{key: value[i] for key, value in batch.items()} for batch in batches for i in range(4)]
    arguments = TrainingArguments("trainer", per_device_train_batch_size=4, max_steps=12, report_to=[], use_cpu=True, save_strategy="no",
                                  max_grad_norm=1.0, logging_strategy="no", disable_tqdm=True, learning_rate=1e-2)
    Trainer(model, arguments, train_dataset=examples, callbacks=[hugging_face_callback(sys.argv[3], 4, 3)]).train()


def lightning():
    import lightning
    import torch

    torch.manual_seed(0)
    batches = [(torch.randn(8, 5), torch.randn(8, 1)) for _ in range(12)]

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 1))

        def training_step(self, batch, index=0):
            return torch.nn.functional.mse_loss(self.layers(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    module = Module()
    if action == "serve":
        return run(module, lambda module, batch: module.training_step(batch), batches)
    lightning.Trainer(max_epochs=2, accumulate_grad_batches=2, gradient_clip_val=1.0, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                      enable_model_summary=False, accelerator="cpu", callbacks=[lightning_callback(sys.argv[3], 4, 3)]).fit(
        module, torch.utils.data.DataLoader(batches, batch_size=None, shuffle=False))


def resnet(is_training):
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

        def forward(self, x):
            return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Block(8), Block(8),
                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    batches = [(torch.randn(8, 3, 8, 8), torch.randint(0, 4, (8,))) for _ in range(10)]
    model.train(is_training)
    run(model, lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1]), batches)


def jax_perceptron():
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.key(0), 5)
    parameters = {"first": {"w": jax.random.normal(keys[0], (5, 7)), "b": jnp.zeros(7)}, "second": {"w": jax.random.normal(keys[1], (7, 1))}}
    batches = [(jax.random.normal(key, (6, 5)), jnp.ones((6, 1))) for key in jax.random.split(keys[2], 9)]

    def loss(p, batch):
        return ((jnp.tanh(batch[0] @ p["first"]["w"] + p["first"]["b"]) @ p["second"]["w"] - batch[1]) ** 2).mean()

    if action == "serve":
        return serve(parameters, loss, batches)
    step = jax.jit(jax.value_and_grad(loss))
    with Recorder(sys.argv[3], parameters, 4, 3, {"algorithm": "sgd", "learning_rate": 0.05}, store_gradients=True) as recorder:
        for k in range(12):
            value, gradients = step(parameters, batches[k % 9])
            recorder.before_step(k, value, parameters=parameters, gradients=gradients)
            parameters = jax.tree.map(lambda p, g: p - 0.05 * g, parameters, gradients)
            recorder.after_step(parameters=parameters)


def half():
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.body, self.frozen = nn.Embedding(20, 8), nn.Linear(8, 8), nn.Linear(8, 8)
            self.head = nn.Linear(8, 20, bias=False)
            self.head.weight = self.embedding.weight
            self.frozen.requires_grad_(False)

        def forward(self, tokens):
            return self.head(torch.tanh(self.body(self.frozen(self.embedding(tokens)))))

    model = Model().to(torch.bfloat16)
    batches = [torch.randint(0, 20, (6, 5)) for _ in range(8)]

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch[:, :-1]).flatten(0, 1).float(), batch[:, 1:].flatten())

    if action != "record":
        return run(model, loss, batches)
    compiled = torch.compile(model, backend="eager")
    wrapped = nn.DataParallel(compiled)
    run(wrapped, loss, batches, torch.optim.SGD(model.parameters(), lr=0.5))


def accumulate():
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(5, 1)
    batches = [(torch.randn(4, 5), torch.randn(4, 1)) for _ in range(8)]

    def loss(model, batch):
        return torch.nn.functional.mse_loss(model(batch[0]), batch[1])

    if action != "record":
        return run(model, loss, batches)
    optimizer, scale = torch.optim.SGD(model.parameters(), lr=0.1), 1024.0
    with Recorder(sys.argv[3], model, 4, 3, optimizer, store_gradients=True, gradient_scale=scale) as recorder:
        for k in range(12):
            optimizer.zero_grad()
            parts = [loss(model, batches[(2 * k + j) % 8]) / 2 for j in range(2)]
            for part in parts:
                (scale * part).backward()
            recorder.before_step(k, sum(parts))
            for parameter in model.parameters():
                parameter.grad /= scale
            optimizer.step()
            recorder.after_step()


def dropout():
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 30), torch.nn.Dropout(0.5), torch.nn.Linear(30, 1))
    batches = [(torch.randn(8, 5), torch.randn(8, 1)) for _ in range(8)]
    run(model, lambda model, batch: torch.nn.functional.mse_loss(model(batch[0]), batch[1]), batches, seed=None)


def shuffled():
    import torch

    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.randn(64, 5), torch.randn(64, 1))
    batches = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
    model = torch.nn.Linear(5, 1)
    run(model, lambda model, batch: torch.nn.functional.mse_loss(model(batch[0]), batch[1]), batches if action == "serve" else list(batches))


if kind.startswith("lstm"):
    import torch
    lstm(torch.float64 if kind == "lstm64" else torch.float32)
elif kind == "gpt":
    model, batches, loss = gpt()
    run(model, loss, batches)
else:
    {"trainer": trainer, "lightning": lightning, "resnet": lambda: resnet(True), "resnet-eval": lambda: resnet(False), "jax": jax_perceptron,
     "half": half, "accumulate": accumulate, "dropout": dropout, "shuffled": shuffled}[kind]()
