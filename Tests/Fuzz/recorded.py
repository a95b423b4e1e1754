"""A run with gradients on a fixed subset in groups, and a scripted module: recorded.py BRIDGE RUN.h5 MODULE.pt"""

import sys

sys.path.insert(0, sys.argv[1])
import torch
from smoothness_bridge import FixedSubset, Recorder

torch.set_num_threads(1)
torch.manual_seed(1)
batches = [(torch.randn(4, 5), torch.randn(4, 1)) for _ in range(8)]
model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
loss = lambda model, batch: torch.nn.functional.mse_loss(model(batch[0]), batch[1])
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
fixed = FixedSubset(model, loss, batches[:4], groups=4)
with Recorder(sys.argv[2], model.named_parameters(), 6, optimizer=optimizer, fixed_subset=fixed, quiet=True) as recorder:
    for k in range(6):
        optimizer.zero_grad()
        value = loss(model, batches[k])
        value.backward()
        recorder.before_step(k, value)
        optimizer.step()
        recorder.after_step()


class Loss(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = torch.nn.Linear(5, 1)

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor):
        return torch.nn.functional.mse_loss(self.model(inputs), targets)


torch.jit.script(Loss()).save(sys.argv[3])
