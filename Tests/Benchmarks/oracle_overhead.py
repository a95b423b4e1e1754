"""What a gradient process costs beyond its gradients: `smoothness estimate --oracle` on a PyTorch model.

    oracle_overhead.py PROGRAM [--size large|small] [--components 8] [--threads 2] [--require 0.03] [--require-milliseconds 0.3]

The process notes when it has answered a request and how long loss and backward took within it. From one answer to the next of the same
point, what is not loss and backward is the overhead: copies of the gradient, messages, waiting for the next request, and whatever the program
does in between. Large: the LSTM of AWD size (24.2 million parameters, 20 streams × 70 tokens). Small: a perceptron of 1,000 parameters.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("program")
arguments.add_argument("--size", choices=("large", "small"), default="large")
arguments.add_argument("--components", type=int)
arguments.add_argument("--threads", type=int, default=os.cpu_count())
arguments.add_argument("--require", type=float, help="exit 1 when the overhead is a larger share of gradient time")
arguments.add_argument("--require-milliseconds", type=float, help="exit 1 when the overhead of a request is more")
arguments.add_argument("--act", choices=("record", "serve"), help="what the script calls itself for")
options = arguments.parse_args()
count = options.components or (8 if options.size == "large" else 64)


def task():
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.size == "small":
        model = torch.nn.Sequential(torch.nn.Linear(20, 45), torch.nn.Tanh(), torch.nn.Linear(45, 1))
        batches = [(torch.randn(16, 20), torch.randn(16, 1)) for _ in range(count)]
        return model, batches, lambda model, batch: torch.nn.functional.mse_loss(model(batch[0]), batch[1])
    sys.path.append(str(Path(__file__).resolve().parents[1] / "ModelsTests/Twins"))
    from lstm_twin import LSTMTwin

    sizes = {"vocabularySize": 10000, "embeddingSize": 400, "hiddenSize": 1150, "layerCount": 3, "tiedWeights": True, "dropout": 0}
    batches = [torch.randint(0, 10000, (71, 20)).numpy() for _ in range(count)]
    return LSTMTwin(sizes, torch.float32), batches, lambda model, batch: model.loss(batch[:-1], batch[1:])


if options.act:
    sys.path.insert(0, os.getcwd())
    import smoothness_bridge as bridge

    model, batches, loss = task()
    if options.act == "record":
        import torch

        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with bridge.Recorder("run.h5", model, 2, 1, optimizer) as recorder:
            for batch in batches[:2]:
                optimizer.zero_grad()
                value = loss(model, batch)
                value.backward()
                recorder.before_step(None, value)
                optimizer.step()
                recorder.after_step()
        raise SystemExit
    times, computing = [], [0.0]
    evaluate, gradient = bridge._TorchSource.evaluate, bridge._Requests.gradient

    def timed_evaluate(self, *rest):
        began = time.perf_counter()
        try:
            return evaluate(self, *rest)
        finally:
            computing[0] += time.perf_counter() - began

    def timed_gradient(self, request):
        computing[0] = 0.0
        answer = gradient(self, request)
        times.append((request["point_id"], time.perf_counter(), computing[0], len(request["components"])))
        return answer

    bridge._TorchSource.evaluate, bridge._Requests.gradient = timed_evaluate, timed_gradient
    bridge.serve(model, loss, batches, weights=[1.0] * count, double=False)
    with open("times.json", "w") as file:
        json.dump(times, file)
    raise SystemExit

program = os.path.abspath(options.program)
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "smoothness_bridge.py"), "w") as file:
        subprocess.run([program, "bridge"], check=True, stdout=file)
    own = f"'{sys.executable}' '{os.path.abspath(__file__)}' x --size {options.size} --components {count} --threads {options.threads} --act"
    subprocess.run(["sh", "-c", f"{own} record"], check=True, cwd=folder, stderr=subprocess.DEVNULL)
    # One group: a request follows the other. Groups of one component where requests themselves are measured.
    groups = "1" if options.size == "large" else str(count)
    subprocess.run([program, "estimate", "run.h5", "--oracle", f"{own} serve", "--subset", "1", "--delta", "0.25", "--groups", groups],
                   check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(folder, "times.json")) as file:
        times = json.load(file)
pairs = [(later[1] - earlier[1] - later[2], later[2]) for earlier, later in zip(times, times[1:]) if earlier[0] == later[0]]
overhead, gradient = statistics.median(o for o, _ in pairs), statistics.median(g for _, g in pairs)
print(f"{options.size}: {len(pairs)} requests, a gradient {1e3 * gradient:.3f} ms, overhead {1e3 * overhead:.3f} ms a request (median), "
      f"{100 * overhead / gradient:.1f} % of gradient time; all together {100 * sum(o for o, _ in pairs) / sum(g for _, g in pairs):.1f} %")
if options.require is not None and overhead > options.require * gradient:
    raise SystemExit(1)
if options.require_milliseconds is not None and 1e3 * overhead > options.require_milliseconds:
    raise SystemExit(1)
