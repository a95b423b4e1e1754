"""The average in the last resume point of a run against the mean of its iterates after iteration START, all of them saved.

Usage: average.py RUN.h5 START
"""
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1], "r") as file:
    iterates = file["trajectory/iterate"][:]
    slot = (int(file["resume/commit"][()]) - 1) % 2
    average = file["resume/average"][slot]
expected = iterates[int(sys.argv[2]) + 1 :].mean(axis=0)
difference = np.abs(average - expected).max()
print(f"PASS {difference:.1e}" if difference < 1e-14 else f"average {average}, mean of the iterates {expected}")
