"""The images, components and augmentation of an image classifier, from its description alone (docs/objectives.md).

    data = ImageData(description)             # the dict under /objective of a run file
    images, labels = data.batch(component, draw)      # float64 [N, C, H, W], int64 [N]
    for images, labels in data.held_out(): ...
"""

import gzip
import os
import pickle
import tarfile

import numpy as np

from lstm_twin import INCREMENT, MASK, mix, uniforms


class Generator:
    """SplitMix64 as a function of (seed, purpose, index)."""

    def __init__(self, seed, purpose, index=0):
        digest = 0xCBF29CE484222325
        for byte in purpose.encode():
            digest = ((digest ^ byte) * 0x100000001B3) & MASK
        self.state = mix(seed ^ mix(digest) ^ mix(index + 1))

    def next(self):
        self.state = (self.state + INCREMENT) & MASK
        return mix(self.state)

    def below(self, bound):
        threshold = (1 << 64) % bound
        while True:
            product = self.next() * bound
            if product & MASK >= threshold:
                return product >> 64

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53

    def permutation(self, count):
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


def place(size):
    """The knot before every pixel and the share of the one after it."""
    position = np.zeros(1) if size == 1 else 4 * np.arange(size) / (size - 1)
    knot = np.minimum(position.astype(int), 3)
    return knot, position - knot


def generated(description):
    """uint8 [N, C, H, W] and labels."""
    seed, shape = description["seed"], description["shape"]
    channels, height, width = shape["channels"], shape["height"], shape["width"]
    (y, v), (x, u) = place(height), place(width)
    patterns = []
    for label in range(description["class_count"]):
        knots = (2 * uniforms(seed, "image pattern", label, 25 * channels) - 1).reshape(channels, 5, 5)
        across = lambda rows: knots[:, rows][:, :, x] * (1 - u) + knots[:, rows][:, :, x + 1] * u
        patterns.append(across(y) * (1 - v)[None, :, None] + across(y + 1) * v[None, :, None])
    images, labels = [], []
    for image in range(description["image_count"]):
        draw = Generator(seed, "image", image)
        label, down, right = draw.below(description["class_count"]), draw.below(5) - 2, draw.below(5) - 2
        # None of these bounds rejects a draw but once in 10^18, so the next uniform is the fourth number.
        numbers = uniforms(seed, "image", image, 4 + channels * height * width)
        contrast = 0.5 + 0.5 * numbers[3]
        noise = (2 * numbers[4:] - 1).reshape(channels, height, width)
        rows = np.clip(np.arange(height) - down, 0, height - 1)
        columns = np.clip(np.arange(width) - right, 0, width - 1)
        signal = patterns[label][:, rows][:, :, columns]
        values = 128 + 127 * (0.6 * contrast * signal + 0.4 * noise)
        images.append(np.floor(values + 0.5).astype(np.uint8))
        labels.append(label)
    return np.array(images), np.array(labels)


def cifar_binary(data):
    records = np.frombuffer(data, np.uint8).reshape(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)


def cifar_python(data):
    batch = pickle.loads(data, encoding="bytes")
    return batch[b"data"].reshape(-1, 3, 32, 32), np.array(batch[b"labels"])


def idx(data):
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    extents = np.frombuffer(data, ">u4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(extents)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def visible(path):
    return sorted((name for name in os.listdir(path) if not name.startswith(".")), key=os.fsencode)


def folder(root, classes, resizing):
    """By Pillow: resize the shorter side, cut out the middle."""
    from PIL import Image

    images, labels = [], []
    for name in visible(root):
        for file in visible(os.path.join(root, name)):
            image = Image.open(os.path.join(root, name, file)).convert("RGB")
            images.append(resized(image, resizing["shorter_side"], resizing["size"]).transpose(2, 0, 1))
            labels.append(classes.index(name))
    return np.array(images), np.array(labels)


def resized(image, shorter, size):
    from PIL import Image

    width, height = image.size
    target = (shorter * width // height, shorter) if width > height else (shorter, shorter * height // width)
    image = image.resize(target, Image.Resampling.BILINEAR)
    left, top = (int(round((extent - size) / 2)) for extent in target)
    return np.asarray(image.crop((left, top, left + size, top + size)))


def stack(parts):
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def files(description, resizing):
    """(training, held out or None), each (images, labels)."""
    path, form = description["path"], description["format"]
    if form in ("cifar-binary", "cifar-python"):
        read, ending = (cifar_binary, ".bin") if form == "cifar-binary" else (cifar_python, "")
        names = [f"data_batch_{number}{ending}" for number in range(1, 6)]
        if os.path.isdir(path):
            contents = {name: content(os.path.join(path, name)) for name in os.listdir(path)}
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                contents = {
                    os.path.basename(member.name): archive.extractfile(member).read()
                    for member in archive.getmembers()
                    if member.isfile()
                }
        else:
            return read(content(path)), None
        training = stack([read(contents[name]) for name in names if name in contents])
        test = "test_batch" + ending
        return training, read(contents[test]) if test in contents else None
    if form == "idx":
        pair = lambda images: (
            idx(content(images))[:, None],
            idx(content(images.replace("images", "labels").replace("idx3", "idx1"))).astype(np.int64),
        )
        if not os.path.isdir(path):
            return pair(path), None
        found = [os.path.join(path, name) for name in os.listdir(path) if "images" in name]
        part = lambda prefix: next((pair(name) for name in found if os.path.basename(name).startswith(prefix)), None)
        return part("train"), part("t10k")
    roots = [os.path.join(path, name) for name in ("train", "val")] if os.path.isdir(path + "/train") else [path]
    classes = visible(roots[0])
    parts = [folder(root, classes, resizing) for root in roots if os.path.isdir(root)]
    return parts[0], parts[1] if len(parts) > 1 else None


class ImageData:
    def __init__(self, description):
        self.description = description
        self.seed = description["seed"]
        images = description["images"]
        if "generated" in images:
            training, held_out = generated(images["generated"]), None
        else:
            training, held_out = files(images["files"], images.get("resizing"))
        if "held_out_files" in images:
            held_out, _ = files(images["held_out_files"], images.get("resizing"))
        count = len(training[0])
        order = Generator(self.seed, "selection").permutation(count)
        if "held_out_fraction" in images:
            share = max(1, int(images["held_out_fraction"] * count))
            chosen = sorted(order[count - share :])
            held_out = training[0][chosen], training[1][chosen]
            order = order[: count - share]
        self.members = sorted(order[: images.get("limit", count)])
        self.images, self.labels = training
        self.test = held_out
        self.size = description["batch_size"]
        self.count = -(-len(self.members) // self.size)

    def normalized(self, images):
        mean, deviation = (
            np.array(self.description["normalization"][key])[:, None, None] for key in ("mean", "deviation")
        )
        return (images / 255 - mean) / deviation

    def batch(self, component, draw=0):
        order = Generator(self.seed, f"partition-{draw}").permutation(len(self.members))
        chosen = [self.members[place] for place in order[component * self.size : (component + 1) * self.size]]
        augmented = np.array([self.augmented(image, draw) for image in chosen])
        return self.normalized(augmented), self.labels[chosen]

    def augmented(self, image, draw):
        pixels = self.images[image]
        padding, flips = (self.description["augmentation"][key] for key in ("crop_padding", "flips"))
        if padding == 0 and not flips:
            return pixels
        generator = Generator(self.seed, f"augmentation-{draw}", image)
        row, column = generator.below(2 * padding + 1), generator.below(2 * padding + 1)
        mirrored = generator.uniform() < 0.5 and flips
        height, width = pixels.shape[1:]
        padded = np.pad(pixels, ((0, 0), (padding, padding), (padding, padding)))
        window = padded[:, row : row + height, column : column + width]
        return window[:, :, ::-1] if mirrored else window

    def held_out(self):
        for start in range(0, len(self.test[0]), self.size):
            end = start + self.size
            yield self.normalized(self.test[0][start:end]), self.test[1][start:end]
