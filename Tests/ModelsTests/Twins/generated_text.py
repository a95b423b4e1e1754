"""The generated text from its description alone (docs/objectives.md), in plain Python.

usage: generated_text.py words classes lines seed
"""
import hashlib
import json
import sys

words, classes, line_count, seed = map(int, sys.argv[1:])
MASK = (1 << 64) - 1


def mix(word):
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


class Generator:
    def __init__(self, purpose, index=0):
        hashed = 0xCBF29CE484222325
        for byte in purpose.encode():
            hashed = ((hashed ^ byte) * 0x100000001B3) & MASK
        self.state = mix(seed ^ mix(hashed) ^ mix(index + 1))

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return mix(self.state)

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53

    def below(self, bound):
        threshold = (-bound) % (1 << 64) % bound
        while True:
            product = self.next() * bound
            if product & MASK >= threshold:
                return product >> 64


def add(values):
    total = 0.0
    for value in values:  # sum() compensates, which would change last places
        total += value
    return total


def draw(weights, generator):
    sums, total = [], 0.0
    for weight in weights:
        total += weight
        sums.append(total)
    target = generator.uniform() * total
    return next((i for i, value in enumerate(sums) if value > target), len(sums) - 1)


generator = Generator("text model")
weight = [1 / rank for rank in range(1, words + 1)]
members = [[] for _ in range(classes)]
for word in range(words):
    members[word if word < classes else generator.below(classes)].append(word)
total = add(weight)
margin = [add(weight[word] for word in part) / total for part in members]
joint = []
for _ in range(classes):
    row = []
    for _ in range(classes):
        u = generator.uniform()
        fourth = (u * u) * (u * u)
        row.append(fourth * fourth)
    joint.append(row)
for _ in range(200):
    for i in range(classes):
        scale = add(joint[i])
        joint[i] = [value * margin[i] / scale for value in joint[i]]
    for j in range(classes):
        scale = add(joint[i][j] for i in range(classes))
        for i in range(classes):
            joint[i][j] *= margin[j] / scale
member_weight = [[weight[word] for word in part] for part in members]

lines = []
for line in range(line_count):
    generator = Generator("text line", line)
    length = 4 + generator.below(33)
    sentence = []
    for place in range(length):
        current = draw(margin if place == 0 else joint[current], generator)
        sentence.append(members[current][draw(member_weight[current], generator)])
    lines.append(" ".join(f"w{word + 1}" for word in sentence))
json.dump({"sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}, sys.stdout)
