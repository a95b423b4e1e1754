"""Writes checkpoints as trainers and people leave them, with what a reader must find in them, and files that it must refuse.

Usage: write_checkpoints.py FOLDER    FOLDER/cases.json lists `read` (paths, name, stacked, iterations, blocks, and the numbers of every snapshot,
block by block in this order) and `refused` (path, name, text that the message must hold).
"""
import argparse
import collections
import json
import os
import pickle
import struct
import sys
import zipfile

import h5py
import numpy as np
import torch
from safetensors.torch import save_file

folder = sys.argv[1]
generator = np.random.default_rng(5)
read, refused = [], []


def place(*names):
    path = os.path.join(folder, *names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def expect(name, paths, blocks, snapshots, iterations=None, member="", stacked=None, said=""):
    """blocks: names in order; snapshots: dictionaries of arrays under these names."""
    first = snapshots[0]
    read.append(dict(
        case=name, paths=paths, name=member, stacked=stacked, iterations=iterations, said=said,
        blocks=[dict(name=b, shape=list(np.shape(first[b]))) for b in blocks],
        values=[[float(x) for b in blocks for x in np.asarray(s[b], "f8").ravel()] for s in snapshots]))


def refuse(path, text, member=""):
    refused.append(dict(path=path, name=member, text=text))


def state():
    return {"z.weight": generator.normal(size=(3, 2)).astype("f4"), "a.weight": generator.normal(size=(2, 3)).astype("f4"),
            "a.bias": generator.normal(size=2).astype("f4")}


def tensors(numbers, names=None, prefix=""):
    return {prefix + n: torch.from_numpy(numbers[n].copy()) for n in names or numbers}


NAMES = list(state())
numbers = [state() for _ in range(3)]

# Folders of a trainer: safetensors, shards, pytorch_model.bin and its shards, and what else stands there.
for k, step in enumerate((8, 16, 120)):
    where = place("trainer", f"checkpoint-{step}", "model.safetensors")
    # The library sorts by name; shards and pickles keep an order of their own.
    save_file(tensors(numbers[k]), where)
    beside = os.path.dirname(where)
    with open(os.path.join(beside, "trainer_state.json"), "w") as file:
        json.dump({"global_step": step, "log_history": [{"loss": float("1e-3")}]}, file)
    with open(os.path.join(beside, "config.json"), "w") as file:
        file.write("{}")
    torch.save({"state": {0: {"exp_avg": torch.zeros(3)}}}, os.path.join(beside, "optimizer.pt"))
    torch.save(argparse.Namespace(output_dir="x"), os.path.join(beside, "training_args.bin"))
    torch.save({"cpu": torch.get_rng_state(), "numpy": np.random.get_state()}, os.path.join(beside, "rng_state.pth"))

    where = place("shards", f"checkpoint-{step}", "model.safetensors.index.json")
    beside = os.path.dirname(where)
    save_file(tensors(numbers[k], NAMES[1:]), os.path.join(beside, "model-00001-of-00002.safetensors"))
    save_file(tensors(numbers[k], NAMES[:1]), os.path.join(beside, "model-00002-of-00002.safetensors"))
    with open(where, "w") as file:
        json.dump({"metadata": {}, "weight_map": {
            n: f"model-0000{2 if n == NAMES[0] else 1}-of-00002.safetensors" for n in NAMES}}, file)

    where = place("bin", f"checkpoint-{step}", "pytorch_model.bin")
    torch.save(collections.OrderedDict(tensors(numbers[k], NAMES[::-1] if k == 1 else NAMES)), where)

    where = place("binshards", f"checkpoint-{step}", "pytorch_model.bin.index.json")
    beside = os.path.dirname(where)
    for part, names in ((1, NAMES[:2]), (2, NAMES[2:])):
        torch.save(tensors(numbers[k], names), os.path.join(beside, f"pytorch_model-0000{part}-of-00002.bin"))
    with open(where, "w") as file:
        json.dump({"weight_map": {n: f"pytorch_model-0000{1 if n in NAMES[:2] else 2}-of-00002.bin" for n in NAMES}}, file)
save_file(tensors(numbers[2]), place("trainer", "model.safetensors"))
STEPS = [8, 16, 120]
expect("trainer", ["trainer"], sorted(NAMES), numbers, STEPS)
expect("shards", ["shards"], sorted(NAMES[1:]) + NAMES[:1], numbers, STEPS)
expect("bin", ["bin"], NAMES, numbers, STEPS, said="another order")
expect("binshards", ["binshards"], NAMES, numbers, STEPS)
expect("named one by one", [f"trainer/checkpoint-{k}" for k in (120, 8, 16)], sorted(NAMES), numbers, STEPS)
expect("their files", [f"bin/checkpoint-{k}/pytorch_model.bin" for k in (120, 16, 8)], NAMES, numbers, STEPS)
with open(place("missing", "model.safetensors.index.json"), "w") as file:
    json.dump({"weight_map": {"w": "model-1.safetensors", "v": "model-1.safetensors"}}, file)
save_file({"w": torch.zeros(3)}, place("missing", "model-1.safetensors"))
refuse("missing", "v: is damaged")
with open(place("outside", "model.safetensors.index.json"), "w") as file:
    json.dump({"weight_map": {"w": "../missing/model-1.safetensors"}}, file)
refuse("outside", "names of files beside the index")

# Lightning: the state dictionary among other things, the names of a wrapper, and a copy of the last one.
for k, step in enumerate((10, 20, 30)):
    checkpoint = {
        "epoch": 0, "global_step": step, "pytorch-lightning_version": "2.5.0",
        "state_dict": collections.OrderedDict(tensors(numbers[k], prefix="model.")), "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5), "dirpath": "/x"}},
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}],
        "lr_schedulers": [], "hparams_name": "kwargs", "hyper_parameters": {"width": 3}}
    torch.save(checkpoint, place("lightning", f"epoch=0-step={step}.ckpt"))
torch.save(checkpoint, place("lightning", "last.ckpt"))
expect("lightning", ["lightning"], ["model." + n for n in NAMES], [{"model." + n: s[n] for n in s} for s in numbers],
       [10, 20, 30], said="last.ckpt")

# One state dictionary a file, under wrappers.
for k, prefix in enumerate(("", "module.", "module._orig_mod.")):
    torch.save({"model": tensors(numbers[k], NAMES[::-1] if k else NAMES, prefix), "optimizer": {"state": {0: torch.zeros(5)}},
                "step": 7 * k, "rng": np.random.default_rng(0).bit_generator.state}, place("wrapped", f"w{k}.pt"))
expect("wrappers", ["wrapped"], NAMES, numbers, [0, 7, 14], said="names of a wrapper")
for k, step in enumerate((9, 10, 11)):
    torch.save({"model_state_dict": tensors(numbers[k]), "optimizer_state_dict": {}, "loss": 0.5}, place("plain", f"step-{step}.pt"))
expect("their names", ["plain"], NAMES, numbers, [9, 10, 11])

# Series in one file.
order = [2, 0, 1]
torch.save({f"step_{[0, 2, 10][k]}": tensors(numbers[k]) for k in order}, place("by_step.pt"))
torch.save({[0, 2, 10][k]: tensors(numbers[k]) for k in order}, place("by_number.pt"))
torch.save([tensors(s) for s in numbers], place("list.pt"))
torch.save([{"state_dict": tensors(numbers[k]), "global_step": 5 + k} for k in order], place("list_of_checkpoints.pt"))
torch.save([[torch.nn.Parameter(torch.from_numpy(s[n])) for n in NAMES] for s in numbers], place("lists.pt"))
torch.save(tuple(torch.from_numpy(s["a.bias"]) for s in numbers), place("vectors.pt"))
expect("mapping", ["by_step.pt"], NAMES, numbers, [0, 2, 10])
expect("numbers", ["by_number.pt"], NAMES, numbers, [0, 2, 10])
expect("list", ["list.pt"], NAMES, numbers)
expect("list of checkpoints", ["list_of_checkpoints.pt"], NAMES, numbers, [5, 6, 7])
expect("lists of parameters", ["lists.pt"], ["parameter_0", "parameter_1", "parameter_2"],
       [{f"parameter_{i}": s[n] for i, n in enumerate(NAMES)} for s in numbers])
expect("vectors", ["vectors.pt"], ["parameters"], [{"parameters": s["a.bias"]} for s in numbers])
# Layers have numbers too; as many rows as it has, one state dictionary is one snapshot.
torch.save({"0.weight": torch.ones(4, 3), "2.weight": torch.ones(4, 3)}, place("layers.pt"))
expect("one snapshot", ["layers.pt"], ["0.weight", "2.weight"], [{"0.weight": np.ones((4, 3)), "2.weight": np.ones((4, 3))}])
save_file({"w": torch.arange(12.0).reshape(4, 3)}, place("one.safetensors"))
expect("one safetensors", ["one.safetensors"], ["w"], [{"w": np.arange(12.0).reshape(4, 3)}])
expect("stacked by request", ["one.safetensors"], ["w"], [{"w": np.arange(3.0) + 3 * k} for k in range(4)], stacked=True)
torch.save({"model": {"w": torch.zeros(2)}, "other": {"w": torch.zeros(2)}}, place("two_groups.pt"))
refuse("two_groups.pt", "several groups of tensors (expected one that is named, found model, other)")
torch.save([tensors(numbers[0]), {**tensors(numbers[1]), "a.bias": torch.zeros(5)}], place("other_shape.pt"))
refuse("other_shape.pt", "a.bias: the blocks of snapshot 1 are not those of the first, 0 (expected [2], found [5])")
torch.save([tensors(numbers[0]), {**tensors(numbers[1]), "extra": torch.zeros(5)}], place("extra.pt"))
refuse("extra.pt", "extra: the blocks of snapshot 1 are not")

# Buffers and tied weights.
network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
network.tied = torch.nn.Linear(2, 3)
network.tied.weight = network[0].weight
torch.save(network.state_dict(), place("buffers.pt"))
own = {n: p.detach().numpy() for n, p in network.named_parameters()}
expect("buffers", ["buffers.pt"], list(own), [own], said="tied.weight (tied: it is 0.weight)")

# Everything that torch.load(weights_only=True) allows, and objects besides.
double = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4)
shared = [1, 2]
shared.append(shared)
parameter = torch.nn.Parameter(torch.ones(2))
parameter.note = "state"
for protocol in (2, 3, 4, 5):
    zoo = {
        "set": {1, 2}, "frozen": frozenset({3}), "size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.float16,
        "long": 1 << 70, "longer": 1 << 3000, "negative": -(1 << 40), "float8": torch.zeros(2).to(torch.float8_e4m3fn),
        "uint16": torch.zeros(2, dtype=torch.uint16), "uint64": torch.zeros(2, dtype=torch.uint64), "bool": torch.ones(2) > 0,
        "complex": 1 + 2j, "bytes": b"abc", "array": bytearray(b"abc"), "numpy": np.float64(2), "numpy_array": np.arange(3.0),
        "default": collections.defaultdict(list, {"a": [1]}), "counter": collections.Counter("aab"), "itself": shared,
        "ordered": collections.OrderedDict(a=1), "arguments": argparse.Namespace(a=1), "none": None, "slice": slice(1, 2),
        "half": torch.tensor(0.5), "rng": np.random.default_rng(0).bit_generator.state, "qint": "none", "layout": torch.strided,
        "generator": torch.get_rng_state(), "path": os.path, "text": "é" * 300, "large": 3.5, "many": list(range(1000)),
        "sparse": torch.eye(3).to_sparse(), "parameters": {
            "p": torch.nn.Parameter(torch.ones(2)), "q": parameter, "b": torch.nn.Buffer(torch.ones(2)), "t": double.transpose(0, 2),
            "s": double[:, 1::2, 1], "h": torch.ones(2, dtype=torch.float16), "bf": torch.ones(2, dtype=torch.bfloat16),
            "n": torch.tensor(3), "e": torch.ones(3, 1).expand(3, 2)[:, :1]}}
    del zoo["path"]
    torch.save(zoo, place(f"zoo{protocol}.pt"), pickle_protocol=protocol)
    values = {n: t.detach().double().numpy() for n, t in zoo["parameters"].items() if n != "n"}
    expect(f"zoo of protocol {protocol}", [f"zoo{protocol}.pt"], list(values), [values], member="parameters")
    refuse(f"zoo{protocol}.pt", "float8: is no tensor that is read here")
for name, value, text in (
    ("expanded", torch.ones(1).expand(10**6), "expanded"), ("complex", torch.zeros(2, dtype=torch.complex64), "complex"),
    ("quantised", torch.quantize_per_tensor(torch.ones(2), 1, 0, torch.qint8), "quantised"), ("meta", torch.ones(2, device="meta"), "meta"),
    ("sparse", torch.eye(3).to_sparse(), "sparse"),
):
    torch.save({"w": torch.ones(2), "v": value}, place(f"{name}.pt"))
    refuse(f"{name}.pt", text)

# NumPy: byte orders, Fortran's order, versions of the header.
cube = generator.normal(size=(4, 3, 5))
for name, array in (("big", cube.astype(">f4")), ("half", cube.astype(">f2")), ("fortran", np.asfortranarray(cube)),
                    ("fortran_big", np.asfortranarray(cube.astype(">f8")))):
    for deflated in (False, True):
        (np.savez_compressed if deflated else np.savez)(place(f"{name}{deflated}.npz"), w=array, n=np.arange(4), o=np.array("text"))
        expect(f"{name} {deflated}", [f"{name}{deflated}.npz"], ["w"], [{"w": array[k]} for k in range(4)])
for version in ((1, 0), (2, 0), (3, 0)):
    with open(place(f"version{version[0]}.npy"), "wb") as file:
        np.lib.format.write_array(file, cube, version=version)
    expect(f"version {version}", [f"version{version[0]}.npy"], ["parameters"], [{"parameters": x} for x in cube])
np.savez(place("step_keys.npz"), step_10=cube[1], step_2=cube[0])
expect("arrays by step", ["step_keys.npz"], ["parameters"], [{"parameters": cube[0]}, {"parameters": cube[1]}], [2, 10])
np.savez(place("structured.npz"), w=np.zeros(3, dtype=[("a", "f4")]))
refuse("structured.npz", "structured")
np.save(place("object.npy"), np.array([{}], dtype=object))
refuse("object.npy", "|O")
with open(place("huge.npy"), "wb") as file:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n"
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
refuse("huge.npy", "is truncated")

# safetensors whose header lies.
def safetensors(name, header, size, text):
    bytes = json.dumps(header).encode() if isinstance(header, dict) else header
    with open(place(name + ".safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(bytes)) + bytes + b"\0" * size)
    refuse(name + ".safetensors", text)


def entry(start, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


safetensors("overlap", {"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, 12, "b: is damaged")
safetensors("hole", {"a": entry(0, 8, [2]), "b": entry(12, 20, [2])}, 20, "b: is damaged")
safetensors("behind", {"a": entry(0, 8, [2])}, 12, "is damaged")
safetensors("past", {"a": entry(0, 2**62, [2**60])}, 8, "a: is truncated")
safetensors("wraps", {"a": entry(0, 0, [2**32, 2**32])}, 0, "a: is damaged")
safetensors("twice", b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8,
            "each name once")
safetensors("float8", {"a": entry(0, 2, [2], "F8_E4M3")}, 2, "F8_E4M3")
safetensors("deep", b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}", 0, "is damaged")

# Archives: checksums, names, members that lie in each other.
torch.save({"w": torch.ones(20)}, place("whole.pt"))
bytes = bytearray(open(place("whole.pt"), "rb").read())
bytes[bytes.find(np.ones(2, "f4").tobytes()) + 2] ^= 1
open(place("flipped.pt"), "wb").write(bytes)
refuse("flipped.pt", "whole/data/0: is damaged: its CRC-32")
for deflated in (False, True):
    path = place(f"flipped{deflated}.npz")
    (np.savez_compressed if deflated else np.savez)(path, w=cube)
    bytes = bytearray(open(path, "rb").read())
    bytes[len(bytes) // 2] ^= 1
    open(path, "wb").write(bytes)
    refuse(f"flipped{deflated}.npz", "w.npy: is damaged")
torch.serialization.set_crc32_options(False)
torch.save([{"w": torch.zeros(2)}, {"w": torch.ones(2)}], place("unchecked.pt"))
torch.serialization.set_crc32_options(True)
expect("without checksums", ["unchecked.pt"], ["w"], [{"w": np.zeros(2)}, {"w": np.ones(2)}])
with zipfile.ZipFile(place("duplicate.npz"), "w") as archive:
    for k in range(2):
        with archive.open("w.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, cube[k])
refuse("duplicate.npz", "w.npy: is damaged or no such file (expected one member of this name, found two)")
with zipfile.ZipFile(place("zip64.npz"), "w") as archive:
    with archive.open("w.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, cube)
expect("64-bit archive", ["zip64.npz"], ["w"], [{"w": x} for x in cube])
np.savez(place("overlapping.npz"), a=cube, b=cube)
bytes = bytearray(open(place("overlapping.npz"), "rb").read())
first = bytes.find(b"PK\x01\x02")
second = bytes.find(b"PK\x01\x02", first + 4)
bytes[second : second + 46] = bytes[first : first + 46]
open(place("overlapping.npz"), "wb").write(bytes)
refuse("overlapping.npz", "b.npy: is damaged or no such file (expected its name in its local header")

# HDF5: byte orders and widths, names for one object, links in circles, extents; MATLAB.
for kind in ("<f2", ">f2", ">f4", ">f8"):
    with h5py.File(place(f"hdf5{kind[1:]}{kind[0] == '>'}.h5"), "w") as file:
        file.create_dataset("w", data=cube.astype(kind), chunks=(1, 3, 5), compression="gzip")
        file["n"], file["text"] = np.arange(4), "text"
        file["nowhere"], file["circle"] = h5py.SoftLink("/nothing"), h5py.SoftLink("/circle")
        file["group/root"], file["again"], file["v"] = file["/"], file["w"], cube
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/w")
    expect(f"HDF5 {kind}", [f"hdf5{kind[1:]}{kind[0] == '>'}.h5"], ["parameters"],
           [{"parameters": x} for x in cube.astype(kind)], member="w")
    refuse(f"hdf5{kind[1:]}{kind[0] == '>'}.h5", "elsewhere: is no tensor that is read here")
with h5py.File(place("twice.h5"), "w") as file:
    file["b"], file["a/root"], file["a/again"] = cube, file["/"], file["/"]
    file["c"] = file["b"]
expect("HDF5 in circles", ["twice.h5"], ["b"], [{"b": x} for x in cube], said="c (tied: it is b)")
with h5py.File(place("crossed.h5"), "w") as file:
    groups = [file.create_group(f"g{k}") for k in range(30)]
    for k in range(29):
        groups[k]["x"], groups[k]["y"] = groups[k + 1], groups[k + 1]
    groups[29]["w"] = np.ones((3, 2))
refuse("crossed.h5", "too large or too deep a group")
with h5py.File(place("groups.h5"), "w") as file:
    for k, step in enumerate((3, 20, 100)):
        for n in NAMES:
            file[f"weights/step_{step}/{n}"] = numbers[k][n]
expect("HDF5 by step", ["groups.h5"], sorted(NAMES), numbers, [3, 20, 100], member="weights")
for name, shape in (("tall", (2**31, 6)), ("wide", (5, 2**61)), ("wider", (2**62, 2**62))):
    with h5py.File(place(f"{name}.h5"), "w") as file:
        file.create_dataset("w", shape=shape, dtype="f4", chunks=(1, 6))
    refuse(f"{name}.h5", "w: is no tensor that is read here")
with h5py.File(place("matlab.mat"), "w", userblock_size=512) as file:
    # What MATLAB shows as 4 x 3 x 5 and 4 x 1 lies in the file with its axes reversed.
    for name, array, kind in (("s/w", cube, "double"), ("s/v", cube[:, :1, 0].astype("f4"), "single")):
        file[name] = np.ascontiguousarray(array.T)
        file[name].attrs["MATLAB_class"] = np.bytes_(kind)
    file["#refs#/a"] = np.zeros((7, 7))
    file["name"] = np.frombuffer(b"text", "u1").astype("u2")
    file["name"].attrs["MATLAB_class"] = np.bytes_("char")
with open(place("matlab.mat"), "r+b") as file:
    file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + b"\0" * 8 + b"\x00\x02IM")
expect("MATLAB", ["matlab.mat"], ["s.v", "s.w"], [{"s.v": cube[k, :1, 0].astype("f4"), "s.w": cube[k]} for k in range(4)])
with open(place("matlab5.mat"), "wb") as file:
    file.write(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x01IM" + b"\0" * 64)
refuse("matlab5.mat", "found MAT-file version 5). Save it as HDF5: save(…, '-v7.3')")
torch.save({"w": torch.ones(2)}, place("old.pt"), _use_new_zipfile_serialization=False)
refuse("old.pt", "before 1.6")

with open(os.path.join(folder, "cases.json"), "w") as file:
    json.dump({"read": read, "refused": refused}, file)
