"""Reads with h5py what Swift wrote (argument 1) and writes what Swift shall read (argument 2)."""
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1], "r") as file:
    text = file["scalar"]
    assert text.shape == () and h5py.check_string_dtype(text.dtype) == ("utf-8", None), text.dtype
    assert text.asstr()[()] == "Grüße, 世界 🌍"
    many = file["many"]
    assert h5py.check_string_dtype(many.dtype) == ("utf-8", None)
    assert list(many.asstr()[:]) == ["a", "", "ß"]
    assert type(file.attrs["text"]) is str and file.attrs["text"] == "öffentlich"
    assert file.attrs["empty"] == ""
    assert file.attrs["signed"] == -3 and file.attrs["signed"].dtype == np.int64
    assert file.attrs["unsigned"] == 2**64 - 1 and file.attrs["unsigned"].dtype == np.uint64
    assert file.attrs["real"] == 0.1
    assert isinstance(file.attrs["truth"], np.bool_) and file.attrs["truth"]
    matrix = file["matrix"]
    assert matrix.dtype == np.dtype("<f4") and matrix.chunks is None
    assert np.array_equal(matrix[:], np.arange(6, dtype="f4").reshape(2, 3))

with h5py.File(sys.argv[2], "w") as file:
    file.attrs["text"] = "öffentlich"
    file.attrs["fixed"] = np.bytes_(b"bytes")
    file.attrs["integer"] = 5
    file.attrs["small"] = np.uint8(7)
    file.attrs["real"] = 0.5
    file.attrs["truth"] = True
    file.attrs["array"] = np.array([1.0, 2.0])
    file["scalar"] = "世界"
    file["many"] = np.array(["x", "yy", "ü"], dtype=h5py.string_dtype())
    file["fixed"] = np.array([b"ab", b"c"])
    file["big"] = np.array([1.0, 2.0], dtype=">f8")
    file.create_dataset("compressed", data=np.arange(100), chunks=(10,), compression="gzip")
