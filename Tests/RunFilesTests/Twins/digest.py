"""The digest of a run file by the words of docs/run-file.md, with h5py and hashlib alone."""
import hashlib
import struct
import sys

import h5py

with h5py.File(sys.argv[1], "r") as file:
    rows = int(sys.argv[2])
    sha = hashlib.sha256(b"smoothness-run digest 1\n")
    for line in (file.attrs["run_id"], file["objective"].asstr()[()], file["optimizer"].asstr()[()]):
        sha.update(line.encode() + b"\n")
    table = file["parameters"]
    for name, shape, offset, count in zip(table["name"].asstr()[:], table["shape"][:], table["offset"][:], table["count"][:]):
        extents = ",".join(str(n) for n in shape if n >= 0)
        sha.update(f"{name}\t{extents}\t{offset}\t{count}\n".encode())
    sha.update(f"{rows}\n".encode())
    for row in range(rows):
        values = [float(file["trajectory"][name][row]) for name in ("loss", "gradient_norm", "step_norm")]
        sha.update(struct.pack("<qddd", int(file["trajectory/iteration"][row]), *values))
    print(sha.hexdigest())
