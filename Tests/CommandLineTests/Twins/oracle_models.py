"""Models and losses that serve must get right, remark or refuse: oracle_models.py KIND serves one, oracle_models.py KIND record RUN.h5 trains and records it;
importing it has them all.

smoothness_bridge.py stands in the working folder. Each kind is (model, loss, components, options of serve).
"""
import itertools
import os
import sys

sys.path.insert(0, os.getcwd())
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)
torch.manual_seed(0)
X, Y = torch.randint(0, 20, (32, 8)), torch.randint(0, 4, (32,))
BATCHES = list(zip(X.split(8), Y.split(8)))
LABELS = torch.where(torch.rand(32, 8) < torch.linspace(0.05, 0.95, 32)[:, None], torch.randint(0, 4, (32, 8)), torch.tensor(-100))
LABELS[:, 1] = 1
TOKENS = [{"input_ids": a, "labels": b} for a, b in zip(X.split(8), LABELS.split(8))]
REALS = list(zip(torch.randn(32, 5).split(8), torch.randn(32, 1).split(8)))


def mean_loss(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def squares(model, batch):
    return F.mse_loss(model(batch[0]), batch[1])


def token_loss(model, batch):
    return F.cross_entropy(model(batch["input_ids"]).flatten(0, 1), batch["labels"].flatten())


def shifted_loss(model, batch):
    return F.cross_entropy(model(batch["input_ids"])[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())


def sequence_loss(model, batch):
    losses = F.cross_entropy(model(batch["input_ids"]).transpose(1, 2), batch["labels"], reduction="none")
    return (losses.sum(1) / (batch["labels"] != -100).sum(1)).mean()


class Net(nn.Module):
    def __init__(self, way=""):
        super().__init__()
        self.e, self.a, self.b, self.way = nn.Embedding(20, 8), nn.Linear(64, 16), nn.Linear(16, 4), way
        self.head = (lambda h: self.b(torch.tanh(self.a(h)))) if way == "lambda" else None

    def forward(self, t):
        h = self.e(t).flatten(1)
        if self.way == "lambda":
            return self.head(h)
        if self.way == "half":
            # Half of what `a` does goes past its gradient.
            return self.b(torch.tanh(self.a(h) + 2 * self.a(h).detach()))
        h = torch.tanh(self.a(h))
        return self.b(h.detach() if self.way == "detached" else h)


class Changing(nn.Module):
    """State that changes with every forward: a buffer that is reassigned, one that is changed in place, an attribute and a counter."""

    def __init__(self):
        super().__init__()
        self.linear, self.count, self.plain = nn.Linear(5, 1), 0, torch.ones(())
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def forward(self, x):
        self.scale = self.scale * 1.5
        self.shift += 1
        self.count += 1
        self.plain = self.plain * 2
        self.made = x.mean()
        return self.linear(x) * self.scale * self.plain + self.shift + self.count


class Loss32(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.constant = nn.Linear(5, 1), [torch.randn(1, 1)]

    def forward(self, x):
        return self.linear(x) @ self.constant[0]


def small(*middle):
    return nn.Sequential(nn.Linear(5, 8), *middle, nn.Tanh(), nn.Linear(8, 1))


def evaluated(model):
    """Of which one module stays in training mode."""
    model.eval()
    model[1].train()
    return model


def endless():
    for k in itertools.count():
        yield torch.full((2, 5), float(k)), torch.zeros(2, 1)


def classifier():
    return nn.Sequential(nn.Embedding(20, 8), nn.Flatten(), nn.Linear(64, 4))


outer, other, stream = classifier(), classifier(), endless()
weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 1.0, 1.0]))
tokens = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 4))
KINDS = {
    "outer": lambda: (outer, lambda m, b: F.cross_entropy(outer(b[0]), b[1]), BATCHES, {}),
    "other": lambda: (outer, lambda m, b: F.cross_entropy(other(b[0]), b[1]) + 0 * sum(p.sum().detach() for p in m.parameters()), BATCHES, {}),
    "constant": lambda: (outer, lambda m, b: F.cross_entropy(m(b[0]), b[1]).detach(), BATCHES, {}),
    "lambda": lambda: (Net("lambda"), mean_loss, BATCHES, {}),
    "detached": lambda: (Net("detached"), mean_loss, BATCHES, {}),
    "half": lambda: (Net("half"), mean_loss, BATCHES, {}),
    "weighted": lambda: (classifier(), lambda m, b: weighted(m(b[0]), b[1]), BATCHES, {}),
    "constants": lambda: (Loss32(), squares, REALS, {}),
    "sparse": lambda: (nn.Sequential(nn.EmbeddingBag(20, 8, sparse=True), nn.Linear(8, 4)), mean_loss, BATCHES, {}),
    "renormed": lambda: (nn.Sequential(nn.Embedding(20, 8, max_norm=0.5), nn.Flatten(), nn.Linear(64, 4)), mean_loss, BATCHES, {}),
    "changing": lambda: (Changing(), squares, REALS, {}),
    "frozen norms": lambda: (evaluated(small(nn.BatchNorm1d(8))), squares, REALS, {}),
    "double": lambda: (small(nn.BatchNorm1d(8)).double().eval(), squares, [(x.double(), y.double()) for x, y in REALS], {}),
    "float loss": lambda: (small(), lambda m, b: F.mse_loss(m(b[0]).float(), b[1].float()), REALS, {}),
    "tokens": lambda: (tokens, token_loss, TOKENS, {}),
    "shifted": lambda: (tokens, shifted_loss, TOKENS, {}),
    "sequences": lambda: (tokens, sequence_loss, TOKENS, {}),
    "unclear": lambda: (tokens, lambda m, b: token_loss(m, b) + 0.1 * b["labels"].float().std(), TOKENS, {}),
    "endless": lambda: (small(), squares, endless(), {}),
    "counted": lambda: (small(), squares, endless(), {"count": 5}),
    "once": lambda: (small(), squares, iter(REALS), {}),
    "next": lambda: (small(), squares, lambda i: next(stream), {"count": 4}),
    "too many": lambda: (small(), squares, REALS, {"count": 9}),
    "dictionary": lambda: (small(), squares, dict(enumerate(REALS)), {}),
}

if __name__ == "__main__":
    from smoothness_bridge import Recorder, serve

    model, loss, components, options = KINDS[sys.argv[1]]()
    if len(sys.argv) == 2:
        serve(model, loss, components, **options)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with Recorder(sys.argv[3], model.named_parameters(), 4, optimizer=optimizer) as recorder:
            for k in range(4):
                optimizer.zero_grad()
                value = loss(model, components[k])
                value.backward()
                recorder.before_step(k, value)
                optimizer.step()
                recorder.after_step()
