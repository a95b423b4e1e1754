"""What public implementations' habits do to L̂, in numbers: the table of docs/method.md.

    python Tests/Benchmarks/artefacts.py path/to/smoothness

Trains a small language model with dropout and random segment lengths and estimates it honestly and in the ways that docs/method.md warns of.
Needs NumPy and h5py.
"""
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

program = os.path.abspath(sys.argv[1])
TRAIN = ("train --layers 1 --hidden 32 --embedding 32 --dropout 0.3 --segment-lengths random --learning-rate 10 "
         "--clip-norm 0.25 --iterations 100 --save every=10 --output run.h5")
WAYS = [
    ("same data, same masks", "--gammas 0.001,0.01,0.1,1"),
    ("--masks fresh", "--gammas 0.001,0.01,0.1,1 --masks fresh"),
    ("--control fresh-subset", "--gammas 0.001,0.01,0.1,1 --control fresh-subset"),
    ("--control permute", "--gammas 0.001,0.01,0.1,1 --control permute"),
    ("γ = ½ alone", "--gammas 0.5"),
    ("--mode zhang-code", "--mode zhang-code"),
    ("--mode gluon", "--mode gluon"),
]


def run(arguments, folder):
    subprocess.run([program] + arguments.split(), cwd=folder, check=True, capture_output=True)


with tempfile.TemporaryDirectory() as folder:
    run(TRAIN, folder)
    print("| | γ: median L̂(γ) over the rows | median L̂ | median √2‖g‖/‖d‖ |\n|---|---|---|---|")
    for name, options in WAYS:
        run(f"estimate run.h5 {options} -o estimates.h5 --force", folder)
        with h5py.File(os.path.join(folder, "estimates.h5")) as file:
            rows = int(file["commit"][()])
            curve = np.nanmedian(file["estimates/curve/smoothness"][:rows], axis=0)
            points = ", ".join(f"{gamma:g}: {value:.3g}" for gamma, value in zip(file["gammas"][:], curve))
            table = file["estimates"]
            noise = np.nanmedian(np.sqrt(2) * table["gradient_norm"][:rows] / table["step_norm"][:rows])
            print(f"| {name} | {points} | {np.nanmedian(table['smoothness'][:rows]):.3g} | {noise:.3g} |")
