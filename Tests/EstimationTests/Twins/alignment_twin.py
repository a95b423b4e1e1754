"""Twin of `smoothness align`: every number of an alignment file again with NumPy, from the component gradients.

    alignment_twin.py ALIGNMENT.h5 GRADIENTS.json

GRADIENTS.json: {"weights": [m], "gradients": [K][m][P]} with the gradients of the measured components at every row. Prints one JSON
object: for every dataset of the file the largest relative difference, over rows that have a value.
"""
import json
import sys

import h5py
import numpy as np

file = h5py.File(sys.argv[1])
stored = json.load(open(sys.argv[2]))
weights = np.array(stored["weights"])
levels, edges, clip_norms = file["levels"][:], file["cosine_edges"][:], file["clip_norms"][:]
found = {}


def hold(name, index, value, floor=1e-300):
    there = np.asarray(file["alignment/" + name][index], dtype=float)
    value = np.asarray(value, dtype=float)
    assert there.shape == value.shape, (name, there.shape, value.shape)
    assert np.array_equal(np.isnan(there), np.isnan(value)), (name, index, there, value)
    floor = max(floor, 1e-3 if "cosine" in name or "beta" in name else 0)
    scale = np.maximum(np.maximum(np.abs(there), np.abs(value)), floor)
    difference = np.nanmax(np.abs(there - value) / scale, initial=0)
    found[name] = max(found.get(name, 0), float(difference))


def cosine(a, b):
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    # Rounding may leave [-1, 1].
    return np.clip(a @ b / norms, -1, 1) if norms > 0 else np.nan


def mean(values, w):
    there = ~np.isnan(values)
    return np.average(values[there], weights=w[there]) if there.any() else np.nan


for k in range(int(file["commit"][()])):
    if file["alignment/status"][k] != 0:
        continue
    gradients = np.array(stored["gradients"][k])
    full = weights @ gradients / weights.sum()
    square = full @ full
    hold("gradient_norm", k, np.sqrt(square))
    products, squares = [], []
    for s, merged in enumerate(file["batches/components_per_batch"][:]):
        parts = [slice(i, i + merged) for i in range(0, len(weights), merged)]
        w = np.array([weights[p].sum() for p in parts])
        g = np.array([weights[p] @ gradients[p] / weights[p].sum() for p in parts])
        m, norms = len(w), np.linalg.norm(g, axis=1)
        products += list(g @ full)
        squares += list(norms**2)
        cosines = np.array([cosine(x, full) for x in g])
        there = cosines[~np.isnan(cosines)]
        # The mean over the others, from its definition.
        others = np.array([cosine(g[j], np.delete(w, j) @ np.delete(g, j, 0)) if m > 1 else np.nan for j in range(m)])
        orthogonal = np.where(norms > 0, w * norms / np.sqrt(((w * norms) ** 2).sum()), np.nan)
        beta = g @ full / square
        quantiles = np.quantile(norms, levels)
        hold("mean_cosine", (k, s), mean(cosines, w))
        hold("cosine_quantile", (k, s), np.quantile(there, levels) if len(there) else np.full(len(levels), np.nan))
        hold("cosine_histogram", (k, s), np.histogram(there, edges)[0])
        hold("negative_share", (k, s), (there < 0).mean() if len(there) else np.nan)
        hold("zero_count", (k, s), np.isnan(cosines).sum())
        hold("leave_one_out_cosine", (k, s), mean(others, w))
        loo = others[~np.isnan(others)]
        hold("leave_one_out_negative_share", (k, s), (loo < 0).mean() if len(loo) else np.nan)
        hold("noise_cosine", (k, s), mean(orthogonal, w))
        hold("norm_ratio", (k, s), norms.min() / norms.max())
        hold("norm_quantile", (k, s), quantiles)
        hold("smallest_beta", (k, s), beta.min())
        hold("largest_beta", (k, s), beta.max())
        assert abs(file["alignment/beta_excess"][k, s]) < 1e-9
        # The variance of one example's gradient, from the spread around the mean.
        noise = (w * ((g - full) ** 2).sum(1)).sum() / (m - 1) if m > 1 else np.nan
        expected = square - noise / w.sum()
        # It is a difference of sums of this size: where batches are equal only its rounding is left.
        size = (w * norms**2).sum() / max(m - 1, 1)
        hold("gradient_noise", (k, s), noise, size)
        hold("noise_scale", (k, s), noise / square, size / square)
        hold("noise_scale_unbiased", (k, s), noise / expected if expected > 0 else np.nan, size / square)
        for c, clip in enumerate(clip_norms):
            clipped = g * np.minimum(1, clip / np.maximum(norms, 1e-300))[:, None]
            agreement = m * (w @ clipped) @ full / w.sum() / square
            sound = len(there) == m and (there >= 0).all()
            bound = m * min(clip * mean(cosines, w), norms.min() / norms.max() * np.sqrt(square)) / np.sqrt(square)
            hold("clipped_agreement", (k, s, c), agreement)
            hold("agreement_bound", (k, s, c), bound if sound else np.nan)
            hold("clipped_share", (k, s, c), (norms > clip).mean())
    hold("inner_product", k, products)
    hold("squared_norm", k, squares)
json.dump(found, sys.stdout)
