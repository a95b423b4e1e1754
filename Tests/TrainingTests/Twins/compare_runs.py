"""Compares run files dataset by dataset, byte for byte, but for what names the run and not its result.

Usage: compare_runs.py REFERENCE.h5 OTHER.h5 …   prints "PASS <datasets> <bytes>" or the first differences.
"""
import sys

import h5py


def content(path):
    found = {}
    with h5py.File(path, "r") as file:
        # The slots of the resume point alternate, so that where the last one lies depends on how many there were; the digest of what is written
        # once covers the run's name.
        others = ("resume/", "checksums/resume", "checksums/definition")
        file.visititems(
            lambda name, thing: found.update({name: thing[()]})
            if isinstance(thing, h5py.Dataset) and not name.startswith(others) else None)
        found.update({f"attribute {name}": file.attrs[name] for name in file.attrs if name not in ("run_id", "created")})
    return {name: plain(value) for name, value in found.items()}


def plain(value):
    if getattr(value, "dtype", None) == object:
        return value.tolist()
    return value.tobytes() if hasattr(value, "tobytes") else value


reference, problems = content(sys.argv[1]), []
for path in sys.argv[2:]:
    other = content(path)
    names = sorted(set(reference) | set(other))
    problems += [f"{path}: {name}" for name in names if reference.get(name) != other.get(name)]
size = sum(len(value) for value in reference.values() if isinstance(value, bytes))
print("\n".join(problems[:10]) if problems else f"PASS {len(reference)} datasets and attributes, {size} bytes")
