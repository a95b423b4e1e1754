"""Which commands read a file of which kind, with what they write; and options with absurd values."""

from mutations import HOSTILE_TEXTS

RUNS = ["run-quadratic", "run-blocks", "run-logistic", "run-polynomial", "run-recorded"]
NETWORKS = ["network-lstm", "network-awd-lstm", "network-transformer", "network-mlp", "network-resnet", "network-torchscript"]
ESTIMATES = ["estimates-grid", "estimates-blocks", "estimates-hessian", "estimates-growing"]
FIT = ["--replicates", "20"]
QUICK = ["--threads", "1", "--subset", "1", "--delta", "0.5"]
ONLY_PLAN = ["--dry-run", "--threads", "1", "--iterations", "3"]


def of_run(rng, file):
    estimate = ["estimate", file, "--threads", "1", "-o", "out.h5"]
    return rng.choice(
        [
            ["inspect", file],
            ["inspect", file, "--format", "json"],
            ["inspect", file, "--config"],
            ["verify", file],
            ["verify", file, "--format", "json"],
            ["verify", file],
            [*estimate, "--subset", "1", "--delta", "0.5"],
            [*estimate, "--format", "json"],
            [*estimate, "--dry-run"],
            [*estimate, "--recorded", "--delta", "1"],
            [*estimate, "--format", "csv", "--direction", rng.choice(["gradient", "random", "momentum", "adversarial"])],
            [*estimate, "--direction", "hessian", "--hessian-iterations", "4"],
            [*estimate, "--search", "coarse-to-fine"],
            [*estimate, "--target-error", "10%"],
            [*estimate, "--norm", rng.choice(["root-mean-square", "spectral", "maximum", "row-wise"]), "--blocks", "*"],
            [*estimate, "--mode", rng.choice(["zhang-code", "gluon", "directional", "h0h1"])],
            [*estimate, "--control", rng.choice(["permute", "fresh-subset"])],
            ["estimate", file, "--threads", "1", "--compare-subsets", "0.5,1", "-o", "out.csv"],
            ["train", "--resume", file, "--threads", "1"],
            ["align", file, "--threads", "1", "-o", "out.h5"],
            ["align", file, "--threads", "1", "--dry-run"],
            ["plot", file, "--curves", "-o", "out.csv"],
            ["plot", file, "--curves", "-o", "out.vl.json"],
            ["fit", file, *FIT],
            ["import", file, "--iterate", "trajectory/iterate", "-o", "out.h5"],
            ["import", "../helpers/w.npz", "--iterate", "w", "--layout", file, "-o", "out.h5"],
            ["import", "../helpers/w.npz", "--iterate", "w", "--objective", file, "-o", "out.h5"],
            ["estimate", "../helpers/run.h5", "--objective", file, "--threads", "1", "-o", "out.h5"],
            ["batch", ".", "../helpers/run.h5", "-o", "out", *QUICK, "--unit-rows", "5", "--jobs", "1", *FIT],
            ["batch", "plan", ".", "-o", "out", *QUICK],
        ]
    )


def of_network(rng, file):
    return rng.choice(
        [
            ["inspect", file],
            ["inspect", file, "--config"],
            ["verify", file],
            ["estimate", file, "--threads", "1", "--dry-run", "-o", "out.h5"],
            ["train", "--resume", file, "--threads", "1"],
        ]
    )


def of_estimates(rng, file):
    return rng.choice(
        [
            ["inspect", file],
            ["inspect", file, "--format", "json"],
            ["inspect", file, "--config"],
            ["verify", file],
            ["verify", file, "--format", "json"],
            ["fit", file, *FIT],
            ["fit", file, *FIT, "--format", "json"],
            ["fit", file, *FIT, "--format", "csv", "--scheme", "stationary", "--weighted"],
            ["fit", file, *FIT, "-o", "out.txt"],
            ["fit", file, "../helpers/estimates.h5", *FIT],
            ["advise", file, *FIT, "--epsilon", "0.1"],
            ["advise", file, *FIT, "--blocks", "--format", "json"],
            ["advise", file, *FIT, "--optimizer", "pytorch"],
            ["report", file, *FIT, "-o", rng.choice(["out.html", "out.md"])],
            ["plot", file, *FIT, "-o", rng.choice(["out.svg", "out.csv", "out.csv", "out.vl.json", "out.vl.json"])],
            ["plot", file, *FIT, "-o", rng.choice(["out.csv", "out.vl.json"]), "--kind", rng.choice(["iterations", "residuals", "gamma", "blocks"])],
            ["plot", file, "../helpers/estimates.h5", "--kind", "subsets", "-o", "out.csv"],
            ["export", file, "-o", rng.choice(["out.csv", "out.jsonl", "out.npz", "events.out.tfevents.0"])],
            ["export", file, "--curves", "-o", "out.csv"],
            ["estimate", "run.h5", "--threads", "1", "-o", file],
        ]
    )


def of_alignment(rng, file):
    return rng.choice(
        [
            ["inspect", file],
            ["inspect", file, "--config"],
            ["verify", file],
            ["plot", file, "-o", rng.choice(["out.csv", "out.vl.json", "out.svg"])],
            ["plot", file, "--quantity", "noise_scale", "-o", "out.csv"],
            ["align", "run.h5", "--threads", "1", "-o", file],
            ["fit", file],
            ["export", file, "-o", "out.csv"],
        ]
    )


def of_plan(rng, file):
    return rng.choice(
        [
            ["batch", "status", "plan"],
            ["batch", "status", "plan", "--format", "json"],
            ["batch", "run", "plan", "--jobs", "1", "--threads", "1"],
            ["batch", "merge", "plan"],
            ["batch", "merge", "plan"],
            ["batch", "retry", "plan"],
            ["batch", "submit", "plan", "--dry-run"],
            ["batch", "cancel", "plan"],
            ["batch", "runs", "-o", "plan", *QUICK, "--jobs", "1", "--replicates", "0"],
        ]
    )


def of_import(rng, file):
    options = rng.choice(
        [
            [],
            [],
            ["--iterate", "w"],
            ["--iterate", "w", "--gradient", "g"],
            ["--iterate", "a.weight"],
            ["--iterate", "model"],
            ["--iterate", "more"],
            ["--loss", "step"],
            ["--leave-out", "*bias"],
            ["--layout", "../helpers/run.h5"],
        ]
    )
    return ["import", file, *options, "-o", "out.h5"]


def of_points(rng, file):
    return rng.choice(
        [
            ["fit", file, *FIT],
            ["fit", file, *FIT, "--format", "json"],
            ["plot", file, *FIT, "-o", rng.choice(["out.csv", "out.svg", "out.vl.json"])],
            ["advise", file, *FIT],
            ["export", file, "-o", rng.choice(["out.csv", "out.jsonl", "out.npz", "events.out.tfevents.0"])],
            ["report", file, *FIT, "-o", "out.html"],
            ["plot", file, "--kind", rng.choice(["iterations", "residuals"]), *FIT, "-o", "out.csv"],
            ["fit", file, *FIT, "--weighted", "--scheme", "points", "--format", "csv"],
        ]
    )


def of_samples(rng, file):
    return [
        "train",
        "--objective",
        "logistic-regression",
        "--data",
        file,
        *rng.choice([ONLY_PLAN, ["--iterations", "3", "--threads", "1", "-o", "out.h5"]]),
    ]


def of_description(rng, file):
    return rng.choice(
        [
            ["estimate", "run.h5", "--objective", file, "--threads", "1", "-o", "out.h5"],
            ["import", "../helpers/w.npz", "--iterate", "w", "--objective", file, "-o", "out.h5"],
            ["estimate", "run.h5", "--objective", file, "--dry-run", "--threads", "1"],
        ]
    )


def of_images(rng, file):
    options = rng.choice([[], [], ["--image-size", "8"], ["--held-out", "0.3"], ["--images", "5"]])
    return ["train", "--objective", "mlp", "--data", ".", *options, *ONLY_PLAN]


def of_text(rng, file):
    tokens = rng.choice(["whitespace", "words", "characters", "bytes"])
    return [
        "train",
        "--objective",
        "lstm",
        "--data",
        file,
        "--tokens",
        tokens,
        "--batch-size",
        "2",
        "--sequence-length",
        "5",
        "--hidden",
        "4",
        "--embedding",
        "4",
        *ONLY_PLAN,
    ]


def of_batches(rng, file):
    return [
        "train",
        "--objective",
        "torchscript",
        "--module",
        "module.pt",
        "--data",
        file,
        *rng.choice([[], ["--batch-size", "4"]]),
        *rng.choice([ONLY_PLAN, ["--iterations", "2", "--threads", "1", "-o", "out.h5"]]),
    ]


NUMBERS = [
    "0",
    "-1",
    "1",
    "nan",
    "inf",
    "-inf",
    "1e300",
    "1e-300",
    "99999999999",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "1e18",
    "0.5",
    "",
    " ",
    "x",
    "1,2",
    ",",
    "0-9",
    "9-0",
    "0-99999999999",
    "5%",
    "every=0",
    "every=-1,first=9",
    "1e400",
    "0x10",
    "１",
    "a\nb",
    *HOSTILE_TEXTS[5:16],
]
OPTIONS = {
    "estimate": [
        "--delta",
        "--gammas",
        "--subset",
        "--subset-seed",
        "--components",
        "--groups",
        "--target-error",
        "--tolerance",
        "--hessian-tolerance",
        "--hessian-iterations",
        "--seed",
        "--rounding-probes",
        "--micro-batch",
        "--threads",
        "--batch-size",
        "--columns",
        "--blocks",
        "--compare-subsets",
        "--norm",
        "--mode",
        "--oracle-workers",
        "--oracle-timeout",
    ],
    "fit": [
        "--replicates",
        "--confidence",
        "--block-length",
        "--seed",
        "--expectile",
        "--quantile",
        "--error-ratio",
        "--minimum-loss",
        "--order",
        "--alpha",
        "--scheme",
    ],
    "advise": [
        "--epsilon",
        "--gap",
        "--noise",
        "--momentum",
        "--largest-gradient",
        "--mean-cosine",
        "--expectile",
        "--block-length",
        "--confidence",
        "--theorem",
    ],
    "plot": ["--width", "--height", "--font-size", "--title", "--block-length", "--confidence", "--kind"],
    "train": [
        "--iterations",
        "--epochs",
        "--save",
        "--seed",
        "--batch-size",
        "--spectrum",
        "--rotations",
        "--components",
        "--noise",
        "--learning-rate",
        "--gamma",
        "--clip-norm",
        "--beta",
        "--nu",
        "--beta2",
        "--weight-decay",
        "--warm-up",
        "--decay-epochs",
        "--plateau",
        "--decay-factor",
        "--last-learning-rate",
        "--average",
        "--estimate",
        "--estimate-subset",
        "--estimate-delta",
        "--repeat",
        "--threads",
        "--objective-seed",
        "--offset",
        "--epsilon",
    ],
    "train-deep": ["--widths", "--samples", "--noise", "--initial-scale", "--batch-size"],
    "train-logistic": ["--samples", "--features", "--regularization", "--batch-size"],
    "train-sum": ["--amplitudes", "--rates", "--start"],
    "train-mlp": [
        "--images",
        "--image-size",
        "--channels",
        "--classes",
        "--crop-padding",
        "--hidden-sizes",
        "--channel-mean",
        "--channel-deviation",
        "--label-smoothing",
        "--held-out",
        "--batch-size",
        "--resize",
    ],
    "train-resnet": ["--images", "--image-size", "--width", "--architecture", "--population-components", "--classes", "--channels"],
    "train-lstm": ["--vocabulary", "--sequence-length", "--hidden", "--embedding", "--layers", "--dropout", "--burn-in", "--batch-size"],
    "train-transformer": ["--heads", "--embedding", "--layers", "--sequence-length", "--dropout"],
    "align": ["--rows", "--every", "--batch-sizes", "--clip-norms", "--subset", "--components", "--micro-batch", "--threads"],
    "batch": ["--unit-minutes", "--unit-rows", "--jobs", "--pattern", "--subset", "--replicates", "--shard"],
    "theory": ["--seed", "--l0", "--l1", "--largest-gradient", "--epsilon", "--gap", "--noise"],
}
BASES = {
    "estimate": ["estimate", "../helpers/run.h5", "-o", "out.h5"],
    "fit": ["fit", "../helpers/estimates.h5"],
    "advise": ["advise", "../helpers/estimates.h5", *FIT],
    "plot": ["plot", "../helpers/estimates.h5", "-o", "out.csv"],
    "align": ["align", "../helpers/run.h5", "-o", "out.h5"],
    "train": ["train", "--objective", "quadratic", "-o", "out.h5", "--dry-run"],
    "train-deep": ["train", "--objective", "deep-linear-network", "--dry-run"],
    "train-logistic": ["train", "--objective", "logistic-regression", "--dry-run"],
    "train-sum": ["train", "--objective", "exponential-sum", "--dry-run"],
    "train-mlp": ["train", "--objective", "mlp", "--dry-run"],
    "train-resnet": ["train", "--objective", "resnet", "--dry-run", "--images", "8"],
    "train-lstm": ["train", "--objective", "lstm", "--dry-run", "--data", "../helpers/text.txt", "--batch-size", "2"],
    "train-transformer": ["train", "--objective", "transformer", "--dry-run", "--data", "../helpers/text.txt", "--batch-size", "2"],
    "batch": ["batch", "plan", "../helpers/run.h5", "-o", "out"],
    "theory": ["theory", "--repetitions", "2", "--iteration-limit", "1000"],
}


def of_options(rng, file):
    """Good files, with one or two absurd values."""
    command = rng.choice(list(OPTIONS))
    options = []
    for name in rng.sample(OPTIONS[command], rng.choice([1, 1, 2])):
        options += [name, rng.choice(NUMBERS).replace("\0", "")]
    if command == "fit" and "--replicates" not in options or command == "plot":
        options += FIT
    return [*BASES[command], *options]
