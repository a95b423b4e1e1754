"""The files that are changed: made by the program itself and by the libraries whose files it reads. Each kind is a folder."""

import gzip
import json
import os
import pickle
import subprocess
import sys

import h5py
import numpy as np


class Maker:
    """Makes seeds below a folder; each method is one kind, and leaves `main` in its folder, the file that is changed first of all."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.generator = np.random.default_rng(0)

    def run(self, *arguments, cwd):
        done = subprocess.run([self.program, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"a seed cannot be made: {arguments}: {done.stderr}")

    def place(self, kind):
        path = os.path.join(self.folder, kind)
        os.makedirs(path, exist_ok=True)
        return path

    def train(self, place, *options, name="m.h5", iterations=12):
        self.run("train", "--iterations", iterations, "--save", "every=1", "--threads", "1", *options, "-o", name, cwd=place)

    def all(self):
        for kind, options in {
            "run-quadratic": ["--objective", "quadratic", "--components", "4", "--noise", "0.1", "--rotations", "1"],
            "run-blocks": [
                "--objective",
                "deep-linear-network",
                "--samples",
                "60",
                "--store-gradients",
                "--precision",
                "float64",
                "--save",
                "every=2",
            ],
            "run-logistic": ["--objective", "logistic-regression", "--samples", "64", "--features", "4", "--algorithm", "adam"],
            "run-polynomial": ["--objective", "polynomial", "--learning-rate", "0.05", "--beta", "0.5", "--gamma", "0.1"],
        }.items():
            self.train(self.place(kind), *options)
        self.estimates()
        self.recorded()
        self.plan()
        self.arrays()
        self.tables()
        self.images()
        self.texts()

    def estimates(self):
        for kind, run, options in [
            ("estimates-grid", "run-quadratic", ["--subset", "1", "--delta", "0.25"]),
            ("estimates-blocks", "run-blocks", ["--subset", "1", "--delta", "0.5", "--groups", "2", "--norm", "root-mean-square"]),
            ("estimates-hessian", "run-logistic", ["--subset", "1", "--direction", "hessian", "--hessian-iterations", "5"]),
            ("estimates-growing", "run-quadratic", ["--target-error", "5%", "--delta", "0.5", "--direction", "random"]),
        ]:
            place, source = self.place(kind), os.path.join(self.folder, run, "m.h5")
            with open(source, "rb") as run_file, open(os.path.join(place, "run.h5"), "wb") as copy:
                copy.write(run_file.read())
            self.run("estimate", "run.h5", "--threads", "1", "-o", "m.h5", *options, cwd=place)
        place = self.place("alignment")
        with open(os.path.join(self.folder, "run-blocks", "m.h5"), "rb") as run_file, open(os.path.join(place, "run.h5"), "wb") as copy:
            copy.write(run_file.read())
        self.run("align", "run.h5", "--threads", "1", "-o", "m.h5", cwd=place)

    def recorded(self):
        place = self.place("run-recorded")
        bridge = self.place("bridge")
        self.run("bridge", "-o", "smoothness_bridge.py", cwd=bridge)
        recorded, module = os.path.join(place, "m.h5"), os.path.join(self.place("batches"), "module.pt")
        subprocess.run(
            [sys.executable, os.path.join(os.path.dirname(__file__), "recorded.py"), bridge, recorded, module], check=True, stderr=subprocess.DEVNULL
        )
        with h5py.File(os.path.join(self.place("batches"), "m.h5"), "w") as file:
            file["inputs"], file["targets"] = self.generator.normal(size=(20, 5)).astype("f4"), self.generator.normal(size=(20, 1)).astype("f4")

    def plan(self):
        place = self.place("plan")
        os.makedirs(os.path.join(place, "runs"))
        self.train(place, "--objective", "quadratic", name="runs/q.h5")
        self.train(place, "--objective", "polynomial", "--learning-rate", "0.01", name="runs/p.h5", iterations=6)
        self.run("batch", "plan", "runs", "-o", "plan", "--subset", "1", "--delta", "0.5", "--unit-rows", "4", "--replicates", "0", cwd=place)
        done = self.place("plan-done")
        subprocess.run(["cp", "-r", f"{place}/runs", f"{place}/plan", done], check=True)
        self.run("batch", "run", "plan", "--jobs", "1", "--threads", "1", cwd=done)
        self.run("batch", "merge", "plan", cwd=done)

    def arrays(self):
        """Snapshots of another program."""
        import safetensors.numpy
        import torch

        weights = {"a.weight": self.generator.normal(size=(6, 4, 3)).astype("f4"), "a.bias": self.generator.normal(size=(6, 4)).astype("f4")}
        gradients = {f"g.{name}": value * 2 for name, value in weights.items()}
        np.savez(os.path.join(self.place("npz"), "m.npz"), **weights)
        np.savez_compressed(os.path.join(self.place("npz-packed"), "m.npz"), w=weights["a.bias"], g=2 * weights["a.bias"])
        np.save(os.path.join(self.place("npy"), "m.npy"), weights["a.bias"])
        safetensors.numpy.save_file({**weights}, os.path.join(self.place("safetensors"), "m.safetensors"))
        tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
        torch.save([{name: value[k].clone() for name, value in tensors.items()} for k in range(6)], os.path.join(self.place("torch"), "m.pt"))
        torch.save(
            {"model": tensors, "step": 3, "size": torch.Size([2, 3])},
            os.path.join(self.place("torch-plain"), "m.pt"),
            _use_new_zipfile_serialization=False,
        )
        with h5py.File(os.path.join(self.place("hdf5"), "m.h5"), "w") as file:
            file["w"], file["g"] = weights["a.bias"], 2 * weights["a.bias"]
            for name, value in {**weights, **gradients}.items():
                file.create_dataset(f"more/{name}", data=value, chunks=True, compression="gzip")
            file["note"] = "text"

    def tables(self):
        g = np.exp(self.generator.normal(0, 0.5, 40))
        columns = [
            "iteration",
            "gradient_norm",
            "smoothness",
            "step_norm",
            "below_floor",
            "loss",
            "segment_gradient_norm",
            "gradient_norm_error",
            "smoothness_error",
        ]
        table = [[k, g[k], 1 + 2 * g[k] + 0.01 * k, 0.05, "false", 3.0 - 0.01 * k, 1.1 * g[k], 0.01, 0.02] for k in range(40)]
        with open(os.path.join(self.place("csv"), "m.csv"), "w") as file:
            file.write(",".join(columns) + "\n" + "\n".join(",".join(map(str, row)) for row in table) + "\n")
        samples = np.column_stack([self.generator.normal(size=(40, 3)), self.generator.integers(0, 2, 40)])
        np.savetxt(os.path.join(self.place("samples"), "m.csv"), samples, delimiter=",", fmt="%.6g")

    def description(self, run):
        with h5py.File(os.path.join(self.folder, run, "m.h5")) as file:
            return file["objective"][()].decode()

    def texts(self):
        place = self.place("text")
        with open(os.path.join(place, "m.txt"), "w") as file:
            file.write("\n".join(" ".join(self.generator.choice(list("abcdefgh"), 12)) for _ in range(60)) + "\n")
        place = self.place("json")
        for run in ("run-quadratic", "run-blocks", "run-logistic", "run-polynomial"):
            with open(os.path.join(place, f"{run}.json"), "w") as file:
                file.write(self.description(run))
        for name, options in {
            "lstm": ["--objective", "lstm", "--hidden", "4", "--embedding", "4", "--batch-size", "2", "--sequence-length", "5", "--vocabulary", "20"],
            "awd-lstm": [
                "--objective",
                "awd-lstm",
                "--hidden",
                "4",
                "--embedding",
                "4",
                "--batch-size",
                "2",
                "--sequence-length",
                "5",
                "--state",
                "carried",
            ],
            "transformer": [
                "--objective",
                "transformer",
                "--embedding",
                "4",
                "--heads",
                "2",
                "--batch-size",
                "2",
                "--sequence-length",
                "5",
                "--layers",
                "1",
            ],
            "mlp": ["--objective", "mlp", "--images", "40", "--image-size", "4", "--hidden-sizes", "3", "--batch-size", "8"],
            "resnet": [
                "--objective",
                "resnet",
                "--images",
                "16",
                "--image-size",
                "8",
                "--width",
                "8",
                "--batch-size",
                "8",
                "--architecture",
                "cifar-8",
            ],
            "torchscript": [
                "--objective",
                "torchscript",
                "--module",
                os.path.join(self.folder, "batches", "module.pt"),
                "--data",
                os.path.join(self.folder, "batches", "m.h5"),
            ],
        }.items():
            kind = self.place(f"network-{name}")
            self.train(kind, "--save", "every=1", *options, iterations=2)
            with open(os.path.join(place, f"{name}.json"), "w") as file:
                file.write(self.description(f"network-{name}"))
        with open(os.path.join(place, "run.h5"), "wb") as copy, open(os.path.join(self.folder, "run-quadratic", "m.h5"), "rb") as run_file:
            copy.write(run_file.read())

    def images(self):
        from PIL import Image

        pixels = self.generator.integers(0, 256, (24, 6, 6), dtype=np.uint8)
        labels = np.arange(24, dtype=np.uint8) % 3
        for kind, packed in (("idx", False), ("idx-packed", True)):
            place = self.place(kind)
            for part in ("train", "t10k"):
                for name, array, magic in ((f"{part}-images-idx3-ubyte", pixels, 0x803), (f"{part}-labels-idx1-ubyte", labels, 0x801)):
                    content = np.array([magic, *array.shape], dtype=">u4").tobytes() + array.tobytes()
                    path = os.path.join(place, name + (".gz" if packed else ""))
                    with open(path, "wb") as file:
                        file.write(gzip.compress(content, mtime=0) if packed else content)
        binary, plain = self.place("cifar-binary"), self.place("cifar-python")
        for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
            data = self.generator.integers(0, 256, (4, 3072), dtype=np.uint8)
            classes = [int(value) for value in self.generator.integers(0, 10, 4)]
            with open(os.path.join(binary, name + ".bin"), "wb") as file:
                file.write(b"".join(bytes([label]) + row.tobytes() for label, row in zip(classes, data)))
            with open(os.path.join(plain, name), "wb") as file:
                pickle.dump({b"data": data, b"labels": classes, b"batch_label": b"x", b"filenames": [b"f.png"] * 4}, file, protocol=2)
        for kind, ending, options in (("png", "png", {}), ("jpeg", "jpg", {"quality": 80}), ("jpeg-progressive", "jpg", {"progressive": True})):
            for name in ("cat", "dog"):
                for k in range(3):
                    folder = os.path.join(self.place(kind), "train", name)
                    os.makedirs(folder, exist_ok=True)
                    image = Image.fromarray(self.generator.integers(0, 256, (9, 7, 3), dtype=np.uint8))
                    image = image.convert(["RGB", "L", "CMYK" if ending == "jpg" else "P"][k])
                    image.save(os.path.join(folder, f"{k}.{ending}"), **options)


def make(program, folder):
    """Makes every seed, unless they are there."""
    marker = os.path.join(folder, "made.json")
    if not os.path.exists(marker):
        Maker(program, folder).all()
        with open(marker, "w") as file:
            json.dump(sorted(os.listdir(folder)), file)
