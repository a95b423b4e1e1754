"""Writes small image data in every published form into a folder, from NumPy and Pillow.

usage: image_files.py FOLDER [images]

`cifar-10-batches-bin/`, `cifar-10-binary.tar.gz`, `cifar-10-batches-py/`, `cifar-10-python.tar.gz`, `mnist/` and `photos/`
with the folders `train` and `val`. With `images`: only `decoded/class/`, images in many modes, and JSON of what Pillow decodes them to.
"""

import gzip
import json
import os
import pickle
import struct
import sys
import tarfile

import numpy as np

generator = np.random.default_rng(5)
root = sys.argv[1]


def write(name, data):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def classes(count, kinds=10):
    labels = generator.integers(0, kinds, count)
    labels[:kinds] = np.arange(kinds)[:count]
    return labels


def short(text):
    return b"U" + bytes([len(text)]) + text


def integer(value):
    return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)


def published_pickle(title, images, labels):
    """The opcodes that Python 2's cPickle wrote, memo numbers and all, as pickletools shows them for data_batch_1."""
    memo = iter(range(1, 1 << 20))

    def put():
        number = next(memo)
        return b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)

    out = b"\x80\x02}" + put() + b"("
    out += short(b"batch_label") + put() + short(title) + put()
    out += short(b"labels") + put() + b"]" + put() + b"(" + b"".join(map(integer, labels)) + b"e"
    out += short(b"data") + put()
    out += b"cnumpy.core.multiarray\n_reconstruct\n" + put() + b"cnumpy\nndarray\n" + put()
    out += b"K\x00\x85" + put() + short(b"b") + put() + b"\x87" + put() + b"R" + put()
    out += b"(K\x01" + integer(len(images)) + integer(3072) + b"\x86" + put()
    out += b"cnumpy\ndtype\n" + put() + short(b"u1") + put() + b"K\x00K\x01\x87" + put() + b"R" + put()
    out += b"(K\x03" + short(b"|") + put() + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t" + put() + b"b"
    out += b"\x89T" + struct.pack("<I", images.size) + images.tobytes() + put() + b"t" + put() + b"b"
    out += short(b"filenames") + put() + b"]" + put() + b"("
    out += b"".join(short(b"image_s_%06d.png" % number) + put() for number in range(len(images))) + b"e"
    return out + b"u."


def write_cifar():
    def batch(count):
        return generator.integers(0, 256, (count, 3072), dtype=np.uint8), classes(count)

    batches = {"data_batch_1": batch(24), "data_batch_2": batch(17), "test_batch": batch(12)}
    for name, (images, labels) in batches.items():
        records = np.concatenate([labels[:, None].astype(np.uint8), images], axis=1)
        write(f"cifar-10-batches-bin/{name}.bin", records.tobytes())
        pickled = published_pickle(name.encode(), images, labels)
        read = pickle.loads(pickled, encoding="bytes")
        assert (read[b"data"] == images).all() and read[b"labels"] == list(labels), "not a pickle after all"
        write(f"cifar-10-batches-py/{name}", pickled)
    write("cifar-10-batches-bin/readme.html", b"<html>")
    for form, short_form in (("binary", "bin"), ("python", "py")):
        with tarfile.open(os.path.join(root, f"cifar-10-{form}.tar.gz"), "w:gz") as archive:
            archive.add(os.path.join(root, f"cifar-10-batches-{short_form}"), f"cifar-10-batches-{short_form}")


def write_idx():
    for prefix, count, pack in (("train", 40, gzip.compress), ("t10k", 12, bytes)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = classes(count).astype(np.uint8)
        write(
            f"mnist/{prefix}-images-idx3-ubyte" + (".gz" if prefix == "train" else ""),
            pack(struct.pack(">IIII", 0x803, count, 28, 28) + images.tobytes()),
        )
        write(
            f"mnist/{prefix}-labels-idx1-ubyte" + (".gz" if prefix == "train" else ""),
            pack(struct.pack(">II", 0x801, count) + labels.tobytes()),
        )


def photo(height, width):
    """Smooth enough for JPEG, with edges."""
    from PIL import Image

    coarse = generator.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.array(image)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = generator.integers(0, 256, 3)
    return Image.fromarray(pixels)


def save(image, name, **options):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    image.save(path, **options)


def write_photos():
    for part, count in (("train", 6), ("val", 2)):
        for name in ("cat", "dog", "Ünicorn"):
            for number in range(count):
                save(photo(20, 20), f"photos/{part}/{name}/{number}.png")
    write("photos/train/cat/.hidden", b"not an image")


def write_modes():
    base = photo(53, 70)
    modes = {
        "plain.png": (base, {}),
        "grey.png": (base.convert("L"), {}),
        "palette.png": (base.quantize(37), {}),
        "two.png": (base.convert("1"), {}),
        "alpha.png": (base.copy(), {}),
        "interlaced.png": (base, {}),
        "plain.jpg": (base, {"quality": 90}),
        "sampled.jpeg": (base, {"quality": 75, "subsampling": 2}),
        "progressive.JPEG": (base, {"quality": 80, "progressive": True}),
        "grey.jpg": (base.convert("L"), {"quality": 85}),
        "ink.jpg": (base.convert("CMYK"), {"quality": 95}),
    }
    modes["alpha.png"][0].putalpha(base.convert("L"))
    from PIL import Image

    answer = {}
    for name, (image, options) in modes.items():
        save(image, f"decoded/class/{name}", **options)
        read = Image.open(os.path.join(root, "decoded/class", name)).convert("RGB")
        answer[name] = {"decoded": np.asarray(read).ravel().tolist(), "resized": resizings(read)}
    print(json.dumps({"height": 53, "width": 70, "images": answer}))


def resizings(image):
    sys.path.insert(0, os.path.dirname(__file__))
    from image_data import resized

    return {
        f"{shorter},{size}": resized(image, shorter, size).transpose(2, 0, 1).ravel().tolist()
        for shorter, size in ((53, 53), (32, 28), (20, 20), (80, 71))
    }


if sys.argv[2:] == ["images"]:
    write_modes()
else:
    write_cifar()
    write_idx()
    write_photos()
