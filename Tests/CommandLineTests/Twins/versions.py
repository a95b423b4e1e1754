"""Makes of a run or alignment file one of another minor version: versions.py older|newer|major FILE GROUP

older: 1.0, without checksums. newer: 1.9, with an attribute, a group, and datasets that nobody knows, one of them beside the rows of GROUP.
major: 7.0. The digest of a newer writer would cover its own version, so that the newer one has no checksums either.
"""
import sys

import h5py
import numpy as np

kind, path, group = sys.argv[1:]
with h5py.File(path, "r+", libver="earliest") as file:
    if "checksums" in file:
        del file["checksums"]
    file.attrs.create("format_version", {"older": "1.0", "newer": "1.9", "major": "7.0"}[kind], dtype=h5py.string_dtype("utf-8"))
    if kind == "newer":
        file.attrs["from_the_future"] = "text"
        file.create_group("from_the_future")["table"] = np.arange(4)
        rows = next(item.shape[0] for item in file[group].values() if isinstance(item, h5py.Dataset))
        column = file[group].create_dataset("from_the_future", data=np.full(rows, np.pi))
        column.attrs["long_name"], column.attrs["definition"] = "a column", "of a later version"
