"""Compares two HDF5 files with plain h5py: same.py ONE OTHER GROUP…; every dataset below the groups has the same name, type,
extents and bytes, texts the same text. Prints how many datasets and bytes were compared."""
import sys

import h5py

one, other, *groups = sys.argv[1:]


def datasets(file, group):
    if isinstance(file[group], h5py.Dataset):
        return {group: file[group]}
    found = {}
    file[group].visititems(lambda name, item: found.update({f"{group}/{name}": item}) if isinstance(item, h5py.Dataset) else None)
    return found


with h5py.File(one, "r") as a, h5py.File(other, "r") as b:
    count = size = 0
    for group in groups:
        first, second = datasets(a, group), datasets(b, group)
        if first.keys() != second.keys():
            raise SystemExit(f"{group}: {sorted(first.keys() ^ second.keys())} is in one file only")
        for name in first:
            if first[name].dtype == object:
                x, y = str(first[name].asstr()[()]), str(second[name].asstr()[()])
            else:
                x, y = first[name][()], second[name][()]
                if x.dtype != y.dtype or x.shape != y.shape:
                    raise SystemExit(f"{name}: {x.dtype} {x.shape} and {y.dtype} {y.shape}")
                x, y = x.tobytes(), y.tobytes()
            if x != y:
                raise SystemExit(f"{name}: differs")
            count, size = count + 1, size + len(x)
    print(count, size)
