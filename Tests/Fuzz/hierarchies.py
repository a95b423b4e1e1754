"""Changes of HDF5 files that the library itself makes, so that the files are right and only what they hold is not."""

import h5py
import numpy as np

from mutations import HOSTILE_TEXTS, NUMBERS, REALS, json_document

TEXT = h5py.string_dtype("utf-8")


def objects(file):
    found = []
    file.visititems(lambda name, item: found.append((name, item)))
    return found


def put(file, name, like=None, **arguments):
    """Replaces an object by a dataset that keeps its attributes."""
    attributes = dict(file[name].attrs) if name in file else {}
    if name in file:
        del file[name]
    made = file.create_dataset(name, **arguments)
    for key, value in attributes.items():
        try:
            made.attrs[key] = value
        except (TypeError, ValueError, OSError):
            pass
    return made


def is_text(dataset):
    return h5py.check_string_dtype(dataset.dtype) is not None


def texts(dataset):
    value = dataset[()]
    return [value] if dataset.shape == () else list(np.ravel(value))


def change_values(rng, file, name, dataset):
    if is_text(dataset):
        return change_text(rng, file, name, dataset)
    if dataset.dtype.kind not in "iufb" or dataset.size in (None, 0):
        return resize(rng, file, name, dataset)
    values = np.array(dataset[()])
    flat = values.reshape(-1)
    choices = REALS if dataset.dtype.kind == "f" else NUMBERS
    for _ in range(rng.choice([1, 1, 1, 3])):
        place = slice(None) if rng.random() < 0.15 else rng.randrange(flat.size)
        if rng.random() < 0.2:
            flat[place] = -flat[place] if dataset.dtype.kind == "f" else flat[place] + 1
            continue
        value = rng.choice(choices)
        if dataset.dtype.kind in "iub":
            bits = 8 * dataset.dtype.itemsize
            value = np.array(value % (1 << bits), dtype=f"u{dataset.dtype.itemsize}").view(f"i{dataset.dtype.itemsize}").astype(dataset.dtype)
        with np.errstate(all="ignore"):
            flat[place] = value
    dataset[()] = values


def change_text(rng, file, name, dataset):
    old = [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in texts(dataset)]
    if not old:
        return None
    place = rng.randrange(len(old))
    if old[place].startswith(("{", "[")) and rng.random() < 0.85:
        new = json_document(rng, old[place])
    else:
        new = rng.choice([*HOSTILE_TEXTS, old[place] + "x", old[place][:-1], old[-1], "x" * 10_000_000 if rng.random() < 0.1 else "y"])
    new = new.encode("utf-8", "surrogatepass").replace(b"\0", b"" if rng.random() < 0.5 else b" ")
    if rng.random() < 0.08:
        new = b"\xff\xfe" + new[:20]
    items = [item.encode("utf-8", "replace").replace(b"\0", b"") for item in old]
    items[place] = new
    if rng.random() < 0.1:
        width = max(map(len, items)) or 1
        put(file, name, data=np.array(items, dtype=f"S{width}").reshape(dataset.shape))
    elif dataset.shape == ():
        put(file, name, data=items[0], dtype=TEXT)
    else:
        put(file, name, data=np.array(items, dtype=object).reshape(dataset.shape), dtype=TEXT)


def resize(rng, file, name, dataset):
    """Another shape, with the old numbers where they fit, or with none and extents that no memory holds."""
    shape, kind = list(dataset.shape or ()), dataset.dtype
    what = rng.randrange(6)
    if what <= 1:
        huge = [2**20, 2**31, 2**32, 2**33, 2**40, 2**61, 2**62]
        shape = [rng.choice(huge) if rng.random() < 0.6 else rng.choice([1, 2, max(1, extent)]) for extent in shape or [1]]
        if rng.random() < 0.2:
            shape = shape + [rng.choice(huge)]
        product = 1
        for extent in shape:
            product *= extent
        if product >= 2**63:
            shape = [2**33] * min(len(shape), 1) + [2**20] * (len(shape) - 1)
            shape = shape[:2] + [1] * (len(shape) - 2)
        return put(file, name, shape=tuple(shape), dtype=kind, chunks=(1,) * len(shape))
    if what == 2:
        shape = [0 if rng.random() < 0.5 else extent for extent in shape]
    elif what == 3:
        shape = shape[::-1] + ([1] if rng.random() < 0.3 else [])
    elif what == 4:
        shape = [max(0, extent + rng.choice([-1, 1, 7])) for extent in shape] or [2]
    else:
        shape = []
    values = np.zeros(shape, dtype=object if is_text(dataset) else kind)
    if is_text(dataset):
        values = np.full(shape, b"x", dtype=object)
    else:
        old = np.ravel(dataset[()])
        if old.size and values.size:
            values = np.resize(old, shape)
    return put(file, name, data=values, dtype=kind)


def change_type(rng, file, name, dataset):
    kinds = ["f8", "f4", "f2", ">f8", ">f4", "i8", "i4", "u8", "u1", "i1", ">i8", "S8", "c16", "O", [("a", "f8"), ("b", "i4")]]
    kind = rng.choice(kinds)
    shape = dataset.shape or ()
    if kind == "O":
        return put(file, name, data=np.full(shape, "12", dtype=object), dtype=TEXT)
    values = np.zeros(shape, dtype=kind)
    if dataset.dtype.kind in "iuf" and isinstance(kind, str):
        with np.errstate(all="ignore"):
            values = np.asarray(dataset[()]).astype(kind)
    return put(file, name, data=values)


def pack(rng, file, name, dataset):
    """The same numbers in chunks, behind filters."""
    if not dataset.shape or 0 in dataset.shape or is_text(dataset):
        return None
    chunks = tuple(rng.choice([1, extent]) for extent in dataset.shape)
    filters = rng.choice(
        [{}, {"compression": "gzip"}, {"shuffle": True, "compression": "gzip"}, {"fletcher32": True}, {"compression": "lzf"}, {"scaleoffset": 2}]
    )
    return put(file, name, data=dataset[()], chunks=chunks, maxshape=(None,) * len(chunks), **filters)


def store_elsewhere(rng, file, name, dataset):
    """Numbers that lie in other files, or come from them by a virtual dataset."""
    if not dataset.shape or is_text(dataset):
        return None
    shape, kind = dataset.shape, dataset.dtype
    if rng.random() < 0.5:
        return put(
            file, name, shape=shape, dtype=kind, external=[(rng.choice(["/etc/passwd", "nowhere.bin", "/dev/zero", "../x"]), 0, h5py.h5f.UNLIMITED)]
        )
    layout = h5py.VirtualLayout(shape=shape, dtype=kind)
    layout[...] = h5py.VirtualSource(rng.choice([".", "nowhere.h5", "/etc/passwd"]), rng.choice([name, "x"]), shape=shape)
    attributes = dict(dataset.attrs)
    del file[name]
    file.create_virtual_dataset(name, layout).attrs.update(attributes)


def link(rng, file, name, item):
    """Deletes, renames, doubles or replaces an object by links, cycles and others' kinds."""
    parent = name.rsplit("/", 1)[0] if "/" in name else "/"
    what = rng.randrange(10)
    if what == 0:
        del file[name]
    elif what == 1:
        file.move(name, name + rng.choice(["x", "_", "/deeper"]) if not isinstance(item, h5py.Group) else name + "x")
    elif what == 2:
        file[name + "-again"] = item
    elif what == 3:
        file[parent].create_group("cycle-" + str(rng.randrange(9)))["back"] = file["/"]
    elif what == 4:
        del file[name]
        file[name] = h5py.SoftLink(rng.choice(["/", "/nowhere", name, "/" + name, parent]))
    elif what == 5:
        del file[name]
        file[name] = h5py.ExternalLink(rng.choice(["nowhere.h5", "/etc/passwd", "../x.h5", "m.h5"]), rng.choice(["/", name]))
    elif what == 6:
        was_group = isinstance(item, h5py.Group)
        del file[name]
        file.create_dataset(name, data=1.0) if was_group else file.create_group(name)
    elif what == 7:
        others = [other for other, thing in objects(file) if type(thing) is type(item)]
        other = rng.choice(others)
        if other != name and not name.startswith(other + "/") and not other.startswith(name + "/"):
            del file[name]
            file[name] = file[other]
    elif what == 8:
        del file[name]
        file[name] = np.dtype("f8")
    else:
        file.attrs["link"] = item.ref


def attribute(rng, file, item):
    names = list(item.attrs)
    what = rng.randrange(8)
    if not names or what == 0:
        item.attrs[rng.choice(["unit", "x", "format", "format_version", "MATLAB_class"])] = rng.choice(HOSTILE_TEXTS[1:]).replace("\0", "")
        return
    name = rng.choice(names)
    if what == 1:
        del item.attrs[name]
    elif what == 2:
        item.attrs[name] = rng.choice(NUMBERS[:16])
    elif what == 3:
        item.attrs.create(name, np.zeros(rng.choice([0, 1, 3, 1000])), dtype=rng.choice(["f8", "i4", "S1"]))
    elif what == 4:
        item.attrs.create(
            name,
            rng.choice(
                [
                    "2",
                    "1.0",
                    "1.99",
                    "0.9",
                    "1",
                    "1.0.0",
                    "-1.0",
                    "9" * 30 + ".0",
                    "1.x",
                    "",
                    "smoothness-run",
                    "smoothness-estimates",
                    "smoothness-alignment",
                ]
            ),
            dtype=TEXT,
        )
    elif what == 5:
        item.attrs.create(name, np.bytes_(b"\xff\xfe" * rng.choice([1, 100])))
    elif what == 6:
        item.attrs.create(name, h5py.Empty("f8"))
    else:
        item.attrs.create(name, rng.choice(HOSTILE_TEXTS[:28]).replace("\0", ""), dtype=TEXT)


DATASET_CHANGES = [change_values] * 10 + [resize] * 4 + [change_type] * 2 + [pack] * 2 + [store_elsewhere]


def change(rng, path):
    """Changes the file in place, one to three times."""
    with h5py.File(path, "r+", libver="earliest") as file:
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            found = objects(file)
            if not found:
                return
            name, item = rng.choice(found)
            kind = rng.random()
            if kind < 0.12:
                attribute(rng, file, rng.choice([file, file, item]))
            elif kind < 0.3 or isinstance(item, h5py.Group):
                link(rng, file, name, item)
            elif kind < 0.45 and any(is_text(thing) for _, thing in found if isinstance(thing, h5py.Dataset)):
                name, item = rng.choice([pair for pair in found if isinstance(pair[1], h5py.Dataset) and is_text(pair[1])])
                change_text(rng, file, name, item)
            elif isinstance(item, h5py.Dataset):
                rng.choice(DATASET_CHANGES)(rng, file, name, item)
