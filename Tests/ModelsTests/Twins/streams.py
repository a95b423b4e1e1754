"""Words, vocabulary, streams and segments as the usual code for the Penn Treebank makes them.

usage: streams.py text tokenization limit|none held_out_fraction streams steps
"""
import collections
import hashlib
import json
import sys
import unicodedata

import numpy as np

path, tokenization, limit, fraction, streams, steps = sys.argv[1:]
streams, steps = int(streams), int(steps)

lines = open(path, "rb").read().decode("utf-8-sig").split("\n")
if lines[-1] == "":
    lines.pop()


def is_word(character):
    return unicodedata.category(character)[0] in "LMN"


def words_of(piece):
    if piece in ("<unk>", "<eos>"):
        return [piece]
    piece = piece.lower()
    found, run = [], ""
    for index, character in enumerate(piece):
        joins = (
            character in "'’-‐"
            and run
            and is_word(run[-1])
            and index + 1 < len(piece)
            and is_word(piece[index + 1])
        )
        if is_word(character) or joins:
            run += character
        else:
            if run:
                found.append(run)
            run = ""
            found.append(character)
    return found + ([run] if run else [])


if tokenization == "characters":
    lines = [list(line.removesuffix("\r")) for line in lines]
elif tokenization == "bytes":
    # Every byte of a line with its end is a word.
    raw = open(path, "rb").read()
    lines = raw.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    ends = [b"\n"] * (len(lines) - 1) + [b"\n" if raw.endswith(b"\n") else b""]
    lines = [list(line + end) for line, end in zip(lines, ends)]
else:
    lines = [line.split() for line in lines]
if tokenization == "words":
    lines = [[word for piece in line for word in words_of(piece)] for line in lines]
held_out = max(1, int(float(fraction) * len(lines)))
parts = {"training": lines[:-held_out], "validation": lines[-held_out:]}

counter = collections.Counter(word for line in parts["training"] for word in line)
for special in ("<unk>", "<eos>"):
    counter.pop(special, None)
# most_common keeps the order of first appearance among equals.
kept = [word for word, _ in counter.most_common()]
if limit != "none":
    kept = kept[: int(limit) - 2]
vocabulary = ["<unk>", "<eos>"] + kept
number = {word: index for index, word in enumerate(vocabulary)}
if tokenization == "bytes":
    vocabulary = [f"0x{byte:02x}" for byte in range(256)]
    number = {byte: byte for byte in range(256)}

answer = {"vocabulary": vocabulary}
counts = {}
for name, part in parts.items():
    tokens = []
    for line in part:
        tokens += [number.get(word, 0) for word in line]
        if tokenization != "bytes" and (not line or line[-1] != "<eos>"):
            tokens.append(1)
    counts[name] = np.bincount(tokens, minlength=len(vocabulary)).astype("f8")
    length = len(tokens) // streams
    # [time, stream], as batchify in the PyTorch example.
    grid = np.array(tokens[: length * streams], dtype="<i8").reshape(streams, length).T
    digest = hashlib.sha256()
    weights = []
    for start in range(0, length - 1, steps):
        count = min(steps, length - 1 - start)
        digest.update(np.ascontiguousarray(grid[start : start + count]).tobytes())
        digest.update(np.ascontiguousarray(grid[start + 1 : start + 1 + count]).tobytes())
        weights.append(count * streams)
    answer[name] = {
        "tokens": len(tokens),
        "unknown": 0 if tokenization == "bytes" else tokens.count(0),
        "dropped": len(tokens) - length * streams,
        "lengths": [weight // streams for weight in weights],
        "sha256": digest.hexdigest(),
    }
# exp of the held-out cross-entropy of the training frequencies, one added to every count: what a model without context reaches.
frequencies = (counts["training"] + 1) / (counts["training"] + 1).sum()
answer["unigram_perplexity"] = float(
    np.exp(-(counts["validation"] * np.log(frequencies)).sum() / counts["validation"].sum())
)
json.dump(answer, sys.stdout)
