"""The PyTorch side of `gradient_speed.py --network resnet`: nn.Conv2d, nn.BatchNorm2d, cross_entropy, backward,
zero_grad(set_to_none), in PyTorch's own memory format. Usage: resnet_worker.py FOLDER THREADS
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ModelsTests" / "Twins"))
from image_data import ImageData
from image_networks import build


def main():
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    description = json.loads((folder / "objective.json").read_text())
    network = build(description["network"], torch.float32)
    point = torch.from_numpy(np.fromfile(folder / "point.f32", "<f4"))
    offset = 0
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(point[offset : offset + parameter.numel()].reshape(parameter.shape))
            offset += parameter.numel()
    assert offset == len(point)
    images, labels = ImageData(description).batch(0)
    images, labels = torch.as_tensor(images, dtype=torch.float32), torch.as_tensor(labels)
    print(f"PyTorch {torch.__version__}, {offset} parameters", flush=True)
    while sys.stdin.readline() == "go\n":
        start = time.perf_counter()
        network.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()
        value = loss.item()
        print(time.perf_counter() - start, value, flush=True)


main()
