"""The runs that are made with either program: small, over every objective, direction, norm, search, mode, control and source of gradients.

Each function below `@run` is one of them; its name is what `--only` takes. All files lie in the folder of a `Bench`.
"""

import os
import subprocess
import sys
import time

import numpy as np

RUNS = {}
FUZZ = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Fuzz")


def run(function):
    RUNS[function.__name__.replace("_", "-")] = function
    return function


@run
def quadratic(bench):
    bench.train("q", "quadratic", "--spectrum", "1,0.5,0.1,3,7", "--components", "12", "--noise", "0.3", "--rotations", "2",
                "--save", "every=2", "--precision", "float64", "--store-gradients", "--beta", "0.5", "--learning-rate", "0.1", iterations=40)
    bench.estimate("q", "--subset", "0.5", "--groups", "3", "--delta", "0.25")
    bench.blocks("q")
    bench.align("q", "--every", "5", "--batch-sizes", "1,2", "--clip-norms", "0.5,2")
    bench.fit("q")
    bench.advise("q", "--epsilon", "0.01")
    bench.plot("q")


@run
def polynomial_in_float32(bench):
    bench.train("p", "polynomial", "--learning-rate", "0.02", iterations=30)
    bench.estimate("p", "--gammas", "0.001,0.1,0.5,1", "--rounding-probes", "3")
    bench.fit("p", "--scheme", "stationary")


@run
def quartic_valley_along_the_gradient(bench):
    bench.train("v", "quartic-valley", "--precision", "float64", "--learning-rate", "0.005", "--clip-norm", "2", iterations=30)
    bench.estimate("v", "--direction", "gradient", "--search", "coarse-to-fine", "--delta", "0.05")
    bench.fit("v")


@run
def exponential_walls_along_the_momentum(bench):
    bench.train("w", "exponential-walls", "--precision", "float64", "--algorithm", "heavy-ball", "--learning-rate", "0.01", iterations=25)
    bench.estimate("w", "--direction", "momentum", "--delta", "0.5")
    bench.estimate("w", "--delta", "0.25", "--search", "coarse-to-fine", "--tolerance", "0.05", label="coarse")


@run
def slow_slope_with_permuted_steps(bench):
    bench.train("s", "slow-slope", "--algorithm", "normalized", "--learning-rate", "0.2", iterations=20)
    bench.estimate("s", "--control", "permute", "--seed", "3", "--delta", "0.5")


@run
def qian_example_in_its_modes(bench):
    bench.train("e", "qian-example", "--clip-norm", "2", "--learning-rate", "0.05", "--order", "cyclic", iterations=18)
    for mode in ("directional", "zhang-code", "gluon", "h0h1"):
        extra = () if mode in ("zhang-code", "gluon") else ("--delta", "0.5")
        bench.estimate("e", "--mode", mode, "--subset", "1", "--groups", "2", *extra, label=mode)


@run
def exponential_sum_at_random(bench):
    bench.train("x", "exponential-sum", "--precision", "float64", "--gradient", "full", iterations=20)
    bench.estimate("x", "--direction", "random", "--seed", "7", "--delta", "0.5")


@run
def deep_linear_network_in_every_norm(bench):
    bench.train("d", "deep-linear-network", "--samples", "200", "--learning-rate", "0.02", "--precision", "float64", iterations=12)
    for norm in ("root-mean-square", "spectral", "maximum", "row-wise"):
        bench.estimate("d", "--norm", norm, "--subset", "0.8", "--groups", "3", "--delta", "0.5", label=norm)
        bench.blocks("d", label=norm)
    bench.fit("d.spectral.estimates", "--by", "block")


@run
def deep_linear_network_in_float32(bench):
    bench.train("f", "deep-linear-network", "--samples", "320", "--noise", "0.1", "--learning-rate", "0.02", "--algorithm", "adamw", iterations=12)
    bench.estimate("f", "--subset", "1", "--groups", "4", "--delta", "0.2", "--direction", "adversarial")
    bench.estimate("f", "--precision", "float64", "--components", "0,3,5-8", "--delta", "0.5", label="double")


@run
def logistic_regression_and_its_hessian(bench):
    bench.train("l", "logistic-regression", "--samples", "640", "--features", "6", "--regularization", "0.01", "--precision", "float64",
                "--learning-rate", "0.5", "--cosine", iterations=12)
    bench.estimate("l", "--direction", "hessian", "--subset", "0.5", "--delta", "0.5")
    bench.estimate("l", "--direction", "hessian", "--hessian-products", "differences", "--delta", "0.5", label="differences")


@run
def growing_subsets(bench):
    bench.train("g", "logistic-regression", "--samples", "4000", "--features", "6", "--batch-size", "20", "--learning-rate", "1", iterations=16)
    bench.estimate("g", "--target-error", "8%", "--delta", "0.5", "--search", "coarse-to-fine")
    bench.estimate("g", "--control", "fresh-subset", "--subset", "0.2", "--delta", "0.5", label="fresh-subset")
    bench.fit("g", "--weighted")


@run
def lstm_with_dropout(bench):
    bench.text()
    bench.train("n", "lstm", *bench.LANGUAGE, "--hidden", "8", "--embedding", "8", "--dropout", "0.2", "--learning-rate", "5", iterations=6)
    bench.estimate("n", "--subset", "0.5", "--groups", "4", "--delta", "0.5")
    bench.estimate("n", "--masks", "off", "--norm", "spectral", "--gammas", "0.1,1", label="without-masks")
    bench.align("n", "--every", "3", "--batch-sizes", "1,3")


@run
def awd_lstm_with_a_carried_state(bench):
    bench.text()
    bench.train("a", "awd-lstm", *bench.LANGUAGE, "--hidden", "7", "--embedding", "6", "--layers", "2", "--state", "carried", "--burn-in", "1",
                "--segment-lengths", "random", "--learning-rate", "5", "--average", "from=0", iterations=5)
    bench.estimate("a", "--subset", "0.5", "--delta", "0.5", "--micro-batch", "2")


@run
def transformer_and_its_hessian(bench):
    bench.text()
    bench.train("t", "transformer", *bench.LANGUAGE, "--embedding", "8", "--heads", "2", "--layers", "1", "--precision", "float64", iterations=5)
    bench.estimate("t", "--direction", "hessian", "--subset", "0.2", "--hessian-iterations", "12", "--delta", "1")


@run
def perceptron(bench):
    bench.train("m", "mlp", "--images", "300", "--image-size", "6", "--hidden-sizes", "7,5", "--batch-size", "30", "--activation-function", "tanh", iterations=8)
    bench.estimate("m", "--subset", "1", "--groups", "5", "--delta", "0.25", "--rounding-probes", "4")
    bench.blocks("m")
    bench.fit("m")


@run
def residual_network(bench):
    bench.train("r", "resnet", "--images", "48", "--image-size", "8", "--width", "4", "--batch-size", "8", "--architecture", "cifar-8", "--beta", "0.9", iterations=5)
    bench.estimate("r", "--subset", "0.5", "--groups", "2", "--delta", "0.5", "--norm", "maximum", "--search", "coarse-to-fine")


@run
def scripted_module_and_recorded_groups(bench):
    """A module of TorchScript; and gradients of four groups that a recorder has saved."""
    import h5py

    bench.call("bridge", "-o", "smoothness_bridge.py")
    subprocess.run([sys.executable, os.path.join(FUZZ, "recorded.py"), bench.folder, "recorded.h5", "module.pt"], cwd=bench.folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bench.estimate("recorded", "--recorded", label="recorded")
    generator = np.random.default_rng(5)
    with h5py.File(bench.path("batches.h5"), "w") as file:
        file["inputs"], file["targets"] = generator.normal(size=(24, 5)).astype("f4"), generator.normal(size=(24, 1)).astype("f4")
    bench.train("script", "torchscript", "--module", "module.pt", "--data", "batches.h5", "--batch-size", "4", "--learning-rate", "0.1", iterations=6)
    bench.estimate("script", "--objective", "torchscript", "--module", "module.pt", "--data", "batches.h5", "--batch-size", "4", "--subset", "1", "--delta", "0.5",
                   label="script")


@run
def recorded_gradients_of_another_program(bench):
    generator = np.random.default_rng(6)
    matrix = np.diag([3.0, 1.0, 0.2, 0.05])
    points = [generator.normal(size=4)]
    for _ in range(14):
        points.append(points[-1] - 0.2 * matrix @ points[-1])
    points = np.array(points)
    np.savez(bench.path("weights.npz"), weights=points, grads=points @ matrix, loss=0.5 * ((points @ matrix) * points).sum(axis=1))
    bench.call("import", "weights.npz", "--iterate", "weights", "--gradient", "grads", "--loss", "loss", "-o", "i.h5")
    bench.run_file("i")
    bench.estimate("i")
    bench.fit("i")


SERVED = '''
import sys
sys.path.insert(0, ".")
import numpy as np
from smoothness_bridge import serve

generator = np.random.default_rng(8)
batches = [(generator.normal(size=(9, 5)), generator.normal(size=9)) for _ in range(8)]

def gradient(parameters, batch):
    hidden = np.tanh(batch[0] @ parameters["w"])
    rest = hidden @ parameters["v"] - batch[1]
    through = np.outer(rest, parameters["v"]) * (1 - hidden**2)
    return float((rest**2).mean()), {"v": 2 * hidden.T @ rest / len(rest), "w": 2 * batch[0].T @ through / len(rest)}

serve({"v": np.ones(3), "w": np.ones((5, 3))}, components=batches, gradient=gradient, name="a perceptron in NumPy")
'''


@run
def gradients_of_a_process(bench):
    import h5py

    bench.call("bridge", "-o", "smoothness_bridge.py")
    bench.write("served.py", SERVED)
    generator = np.random.default_rng(9)
    points = generator.normal(size=(7, 18)).cumsum(axis=0) * 0.2
    np.savez(bench.path("weights.npz"), v=points[:, :3], w=points[:, 3:].reshape(7, 5, 3))
    bench.call("import", "weights.npz", "-o", "o.h5")
    for name, options in {"one": ["--delta", "0.5"], "two": ["--oracle-workers", "2", "--direction", "gradient", "--delta", "0.5", "--subset", "0.5"]}.items():
        bench.estimate("o", "--oracle", f"{sys.executable} served.py", *options, label=name)


@run
def batches(bench):
    """Two runs, cut into units of three and of five rows, worked off by two workers and merged; beside the estimate in one piece."""
    os.makedirs(bench.path("runs"))
    bench.train("runs/q", "quadratic", "--components", "6", "--noise", "0.2", iterations=11)
    bench.train("runs/l", "logistic-regression", "--samples", "200", "--features", "4", "--precision", "float64", iterations=9)
    for rows in (3, 5):
        options = ("--unit-rows", rows, "--subset", "1", "--groups", "3", "--delta", "0.5", "--replicates", "100", "--rounding-probes", "2")
        bench.call("batch", "plan", "runs", "-o", f"plan{rows}", *options)
        bench.call("batch", "run", f"plan{rows}", "--jobs", "2", "--threads", "1")
        bench.table(f"merged-by-{rows}", "batch", "merge", f"plan{rows}", "--format", "json")
        for name, path in bench.found(f"plan{rows}", "estimates.h5").items():
            bench.points(path, f"merged-by-{rows}-{name}")
    bench.estimate("runs/q", "--subset", "1", "--groups", "3", "--delta", "0.5", "--rounding-probes", "2", label="in-one-piece")


@run
def interrupted_and_resumed(bench):
    """Training and estimates that are stopped by SIGTERM and by SIGKILL and called again, on two threads."""
    options = ("--components", "40", "--noise", "0.3", "--rotations", "3", "--spectrum", ",".join(str(1 + k % 9) for k in range(60)), "--order", "reshuffle")
    first = ("train", "--objective", "quadratic", *options, "--iterations", "4000", "--save", "every=40", "--threads", "1", "-o", "k.h5")
    bench.stopped(first, ("train", "--resume", "k.h5"), "k.h5")
    bench.run_file("k")
    estimate = ("estimate", "k.h5", "--subset", "1", "--delta", "0.05", "--direction", "random", "--threads", "2")
    bench.stopped(estimate, estimate, "k.estimates.h5")
    bench.estimate("k", "--subset", "1", "--delta", "0.05", "--direction", "random", "--threads", "2")


@run
def beside_and_inside_training(bench):
    """Estimates in the loop of the training, beside it, and afterwards."""
    options = ("--components", "8", "--noise", "0.2", "--learning-rate", "0.05")
    bench.train("b", "quadratic", *options, "--estimate", "every=2", *bench.in_training({"subset": "1", "delta": "0.5", "groups": "4"}),
                "--save", "every=2", iterations=24)
    bench.points("b.estimates.h5", "inside")
    bench.estimate("b", "--subset", "1", "--delta", "0.5", "--groups", "4", "-o", "after.h5", label="after")
    training = bench.started("train", "--objective", "quadratic", *options, "--iterations", "24", "--save", "every=2", "--threads", "1", "-o", "c.h5")
    while not os.path.exists(bench.path("c.h5")) and training.poll() is None:
        time.sleep(0.01)
    bench.estimate("c", "--follow", "--subset", "1", "--delta", "0.5", "--groups", "4", label="beside")
    training.wait()


@run
def theorems(bench):
    bench.table("theory", "theory", "--experiments", "figures", "--experiments", "example", "--experiments", "framework", "--format", "json")
    bench.table("points", "theory", "--points", "1b", "--format", "json")
