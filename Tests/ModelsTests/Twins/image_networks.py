"""Residual networks and multilayer perceptrons in PyTorch, by the names of the blocks of a run file.

    network = build(description["network"], dtype)
    load(network, flat, blocks)               # blocks: [(name, shape, offset, count)]
"""

import torch
import torch.nn as nn
import torch.nn.functional as functional


class Kinks:
    """The least distance of an argument of ReLU from zero, where the derivative jumps, since the last reset."""

    nearest = float("inf")


def relu(x):
    Kinks.nearest = min(Kinks.nearest, x.detach().abs().min().item())
    return functional.relu(x)


class Pad(nn.Module):
    """Option A: every second pixel, channels of zeros on both sides."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.stride, self.before = stride, (outputs - inputs) // 2
        self.after = outputs - inputs - self.before

    def forward(self, x):
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


def convolution(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, width, outputs, stride, shortcut):
        super().__init__()
        self.bottleneck = outputs == 4 * width
        if self.bottleneck:
            self.conv1, self.bn1 = convolution(inputs, width, 1), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = convolution(width, width, 3, stride), nn.BatchNorm2d(width)
            self.conv3, self.bn3 = convolution(width, outputs, 1), nn.BatchNorm2d(outputs)
        else:
            self.conv1, self.bn1 = convolution(inputs, width, 3, stride), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = convolution(width, outputs, 3), nn.BatchNorm2d(outputs)
        if stride == 1 and inputs == outputs:
            self.shortcut = nn.Identity()
        elif shortcut == "identity":
            self.shortcut = Pad(inputs, outputs, stride)
        else:
            self.shortcut = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(relu(y)))
        return relu(y + self.shortcut(x))


class ResidualNetwork(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        family, depth, width = (configuration[key] for key in ("family", "depth", "width"))
        counts = {
            ("imagenet", 50): [3, 4, 6, 3],
            ("imagenet", 101): [3, 4, 23, 3],
            ("imagenet", 152): [3, 8, 36, 3],
            ("cifar-resnet18", 18): [2, 2, 2, 2],
        }.get((family, depth)) or [(depth - 2) // 6] * 3
        self.is_imagenet = family == "imagenet"
        expansion = 4 if self.is_imagenet else 1
        kernel, stride = (7, 2) if self.is_imagenet else (3, 1)
        self.conv1 = convolution(configuration["input_channels"], width, kernel, stride)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for stage, count in enumerate(counts):
            inside = width * 2**stage
            blocks = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(Block(inputs, inside, inside * expansion, stride, configuration["shortcut"]))
                inputs = inside * expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(counts)
        self.linear = nn.Linear(inputs, configuration["class_count"])

    def forward(self, x):
        x = relu(self.bn1(self.conv1(x)))
        if self.is_imagenet:
            x = functional.max_pool2d(x, 3, 2, 1)
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.linear(functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Perceptron(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        sizes = [configuration["input_size"], *configuration["hidden_sizes"], configuration["class_count"]]
        for layer in range(len(sizes) - 1):
            setattr(self, f"layer{layer}", nn.Linear(sizes[layer], sizes[layer + 1]))
        self.count = len(sizes) - 1
        self.activation = {"relu": relu, "tanh": torch.tanh, "gelu": functional.gelu}[configuration["activation"]]

    def forward(self, x):
        x = x.flatten(1)
        for layer in range(self.count):
            x = getattr(self, f"layer{layer}")(x)
            if layer + 1 < self.count:
                x = self.activation(x)
        return x


def build(configuration, dtype=torch.float64):
    kind = {"resnet": ResidualNetwork, "mlp": Perceptron}[configuration["kind"]]
    return kind(configuration).to(dtype)


def load(network, flat, blocks):
    """Sets every parameter; the names and shapes must be those of the file."""
    parameters = dict(network.named_parameters())
    assert list(parameters) == [name for name, *_ in blocks], "other names or another order"
    with torch.no_grad():
        for name, shape, offset, count in blocks:
            assert tuple(parameters[name].shape) == tuple(shape), name
            values = torch.as_tensor(flat[offset : offset + count]).reshape(shape)
            parameters[name].copy_(values)


def population_statistics(network, batches):
    """Cumulative averages of the batches' means and unbiased variances; the network is then for evaluation."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    network.train()
    with torch.no_grad():
        for images in batches:
            network(images)
    network.eval()
