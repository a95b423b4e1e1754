"""What may differ between two programs, and why. Everything else must be the same to the last bit.

An entry is (pattern of runs, pattern of columns, bound, reason). The bound is the largest difference that is allowed, relative to the largest
finite value of the column; ANY allows every difference; GONE allows a column or a run to be missing from the new result.
Patterns are those of `fnmatch`. Whoever changes a number on purpose adds an entry here, with its reason.
"""

ANY, GONE = float("inf"), "gone"

CALIBRATION = "repeatability and rounding come from a calibration, whose gradients are counted, and not from the last row before"
ALGEBRA = "another tridiagonal solver or singular value decomposition: the last bits"

TOLERANCES = [
    ("*", "*component_gradient*", ANY, CALIBRATION),
    ("*", "*relative_rounding", ANY, CALIBRATION),
    ("*", "*rounding_projection", ANY, CALIBRATION),
    ("*", "*rounding_floor", ANY, CALIBRATION),
    ("*", "*noise_floor", ANY, CALIBRATION),
    ("*", "*floor_error", ANY, CALIBRATION),
    ("*hessian", "*", 1e-9, ALGEBRA),
    ("*every-norm", "spectral*", 1e-12, ALGEBRA),
    ("*every-norm", "fit.blocks*", 1e-5, "fits to the points of the spectral norm: " + ALGEBRA + ", which searches for a least value magnify"),
    ("lstm-with-dropout", "without-masks*", 1e-6, ALGEBRA),
    ("qian-example-in-its-modes", "h0h1*", GONE, "h0h1 is no mode any more: fit has the law"),
]
