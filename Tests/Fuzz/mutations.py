"""Changes of bytes, texts, JSON and CSV. Every function takes a `random.Random` first and returns the changed value."""

import json

HOSTILE_TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\n",
    "\r\n",
    "\x1b[31mred",
    "\x07",
    "\u202e\u2066",
    "d'\u0301 `touch EXECUTED` ",
    "$(touch EXECUTED)",
    '"; system("touch EXECUTED"); "',
    "=1+1",
    "%s%n",
    "@x@",
    "</script><script>x</script>",
    "]]>",
    "&amp;<a>",
    "\\",
    "\\end{document}",
    "../../../ESCAPED",
    "/etc/passwd",
    "~",
    "-o",
    "\ufeff",
    "\u2028",
    "e\u0301" * 50,
    "x" * 100_000,
    "𝕊" * 1000,
    "ｎａｎ",
    "CON",
    ".",
    "..",
]
NUMBERS = [
    0,
    1,
    2,
    -1,
    3,
    7,
    16,
    255,
    256,
    65535,
    2**31 - 1,
    2**31,
    2**32,
    2**33,
    2**53 + 1,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**31),
    -(2**63),
    10**9,
    10**12,
    10**19,
    10**40,
]
REALS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-320, 1e-45, 1e-30, 1e30, 1e38, 1e39, 1e300, 1.7e308, float("inf"), float("-inf"), float("nan"), 1 + 1e-16]


def flip_bits(rng, data):
    for _ in range(rng.choice([1, 1, 1, 2, 8, 64])):
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
    return data


def random_bytes(rng, data):
    start = rng.randrange(len(data))
    count = rng.choice([1, 2, 4, 8, 16, 64])
    data[start : start + count] = rng.randbytes(len(data[start : start + count]))
    return data


def zero_sector(rng, data):
    start = rng.randrange(len(data)) // 512 * 512
    count = rng.choice([512, 512, 4096])
    data[start : start + count] = bytes(len(data[start : start + count]))
    return data


def extremes(rng, data):
    """Puts a telling integer or float at an aligned place, little- or big-endian."""
    size = rng.choice([1, 2, 4, 8, 8])
    place = rng.randrange(max(1, len(data) - size)) // size * size
    value = rng.choice(
        [0, 1, 0x7F << 8 * (size - 1), (1 << 8 * size) - 1, 1 << (8 * size - 1), (1 << 8 * size - 1) - 1, 1 << rng.randrange(8 * size)]
    )
    piece = (value % (1 << 8 * size)).to_bytes(size, rng.choice(["little", "little", "big"]))
    data[place : place + size] = piece
    return data


def count_up(rng, data):
    """Adds a little to an aligned word, as an off-by-one of a size or an offset."""
    size = rng.choice([1, 2, 4, 8])
    place = rng.randrange(max(1, len(data) - size)) // size * size
    word = int.from_bytes(data[place : place + size], "little") + rng.choice([-8, -1, 1, 8, 16, 512])
    data[place : place + size] = (word % (1 << 8 * size)).to_bytes(size, "little")[: len(data[place : place + size])]
    return data


def truncate(rng, data):
    return data[: rng.choice([rng.randrange(len(data)), len(data) - 1, len(data) // 2, rng.randrange(min(64, len(data)))])]


def remove(rng, data):
    start = rng.randrange(len(data))
    del data[start : start + rng.choice([1, 2, 8, 512])]
    return data


def repeat(rng, data):
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice([1, 8, 64, 512, 4096])]
    place = rng.randrange(len(data))
    data[place:place] = piece * rng.choice([1, 1, 2, 50])
    return data


def overwrite_with_own(rng, data):
    count = rng.choice([8, 16, 64, 512, 2048])
    source, target = rng.randrange(len(data)), rng.randrange(len(data))
    piece = data[source : source + count]
    data[target : target + len(piece)] = piece
    return data


def append(rng, data):
    return data + rng.randbytes(rng.choice([1, 7, 512])) * rng.choice([1, 1, 100])


def splice(rng, data, other):
    """The beginning of one file and the end of another, or a piece of the other within."""
    if rng.random() < 0.5:
        cut = rng.randrange(len(data))
        return data[:cut] + other[min(cut, len(other)) :]
    start, count, place = rng.randrange(len(other)), rng.choice([8, 64, 512, 4096]), rng.randrange(len(data))
    data[place : place + count] = other[start : start + count]
    return data


BITWISE = [flip_bits, flip_bits, random_bytes, zero_sector, extremes, extremes, count_up, truncate, remove, repeat, overwrite_with_own, append]


def bitwise(rng, data, other=b""):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if not data:
            return data
        if other and rng.random() < 0.06:
            data = bytearray(splice(rng, data, bytearray(other)))
        else:
            data = bytearray(rng.choice(BITWISE)(rng, data))
    return data


# JSON


def places(value, path=()):
    """Every container and key of a JSON value."""
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from places(value[key])
    elif isinstance(value, list):
        for index in range(len(value)):
            yield value, index
            yield from places(value[index])


def any_value(rng):
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(HOSTILE_TEXTS)
    if kind <= 2:
        return rng.choice(NUMBERS)
    if kind <= 4:
        return rng.choice(REALS)
    return rng.choice([None, True, False, [], {}, [[]], [0] * 1000, {"kind": "quadratic"}, "1", [None], {"": 0}, [10**12, 10**12]])


def change_value(rng, old):
    """Mostly something of the same type, so that what reads it goes further."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int) and rng.random() < 0.8:
        return rng.choice([*NUMBERS, old + 1, old - 1, -old, old * 1000, old * 10**6])
    if isinstance(old, float) and rng.random() < 0.8:
        return rng.choice([*REALS, -old, old * 1e6, old * 1e-6, 2.0])
    if isinstance(old, str) and rng.random() < 0.8:
        return rng.choice([*HOSTILE_TEXTS, old.upper(), old + "x", old[:-1], old * 2])
    return any_value(rng)


def change_json_value(rng, value):
    spots = list(places(value))
    if not spots:
        return any_value(rng)
    container, key = rng.choice(spots)
    what = rng.randrange(10)
    if what < 6:
        container[key] = change_value(rng, container[key])
    elif what == 6:
        del container[key]
    elif what == 7:
        other, other_key = rng.choice(spots)
        container[key] = json.loads(
            json.dumps(other.get(other_key) if isinstance(other, dict) else other[other_key] if other_key < len(other) else 0)
        )
    elif isinstance(container, dict):
        if what == 8:
            container[rng.choice([key + "x", "kind", "", *HOSTILE_TEXTS])] = container.pop(key)
        else:
            container[rng.choice(["kind", "seed", "file", "generated", key + "2"])] = any_value(rng)
    else:
        container[key:key] = [container[key]] * rng.choice([1, 3, 1000])
    return value


def change_json_text(rng, text):
    what = rng.randrange(8)
    if what == 0:
        return rng.choice(
            [
                "[" * 100_000,
                '{"a":' * 20_000,
                "[" * 600 + "]" * 600,
                "",
                "null",
                "0",
                "[]",
                "{}",
                '"x"',
                "1e400",
                "NaN",
                "\ufeff{}",
                "{",
                '{"kind":"\\ud800"}',
            ]
        )
    if what == 1 and '"' in text:
        # The same key twice.
        cut = text.find("{") + 1
        return text[:cut] + rng.choice(['"kind": 1, ', '"kind": "quadratic", ', '"seed": -1, ']) + text[cut:]
    if what == 2:
        digits = [index for index, character in enumerate(text) if character.isdigit()]
        if digits:
            place = rng.choice(digits)
            return text[:place] + rng.choice(["9" * 30, "1e999", "-", "0x10", ".5", "1.5", "00", "-0", "1e-999", "9" * 2000]) + text[place + 1 :]
    if what == 3:
        return text + rng.choice([",", "}", "\0", text, "//x"])
    place = rng.randrange(len(text) + 1)
    return (
        text[:place] + rng.choice(["\\u0000", "\\ud800", "\x01", '"', "{", "[", ",", ":", "\\", "NaN", "é", "'"]) + text[place + rng.randrange(3) :]
    )


def json_document(rng, text):
    """A JSON text changed as a value, or as a text."""
    try:
        if rng.random() < 0.75:
            value = json.loads(text)
            for _ in range(rng.choice([1, 1, 1, 2, 3])):
                value = change_json_value(rng, value)
            return json.dumps(value, ensure_ascii=rng.random() < 0.5)
    except (ValueError, RecursionError):
        pass
    return change_json_text(rng, text)


def json_lines(rng, text):
    lines = text.split("\n")
    place = rng.randrange(len(lines))
    what = rng.randrange(8)
    if what == 0:
        del lines[place]
    elif what == 1:
        lines.insert(place, rng.choice(lines))
    elif what == 2:
        lines.insert(place, "")
    else:
        lines[place] = json_document(rng, lines[place])
    return "\n".join(lines)


# CSV

CELLS = [
    "",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "1e-320",
    "1e308",
    "0x1p3",
    "1,5",
    "1 000",
    '"1"',
    '"',
    '""',
    "x",
    "9" * 400,
    "1e",
    "９",
    "\0",
    "true",
    "12.0",
    "99999999999999999999",
    "-5",
    "1.5",
]


def csv_table(rng, text):
    rows = [line.split(",") for line in text.rstrip("\n").split("\n")]
    for _ in range(rng.choice([1, 1, 2, 5])):
        row = rng.randrange(len(rows))
        column = rng.randrange(max(1, len(rows[row])))
        what = rng.randrange(14)
        if what < 5 and rows[row]:
            rows[row][column] = rng.choice(CELLS + HOSTILE_TEXTS)
        elif what == 5 and len(rows) > 1:
            del rows[row]
        elif what == 6:
            for cells in rows:
                if column < len(cells):
                    del cells[column]
        elif what == 7:
            value = rng.choice(CELLS)
            for cells in rows[1:]:
                if column < len(cells):
                    cells[column] = value
        elif what == 8:
            rows[0] = [cell.upper() for cell in rows[0]] if rng.random() < 0.5 else rows[0] + rng.sample(rows[0], 1)
        elif what == 9:
            rows = [rows[0]] + rows[1 : rng.choice([1, 2, 3, 4])]
        elif what == 10:
            rows = rows + rows[1:] * rng.choice([1, 20])
        elif what == 11:
            order = list(range(len(rows[0])))
            rng.shuffle(order)
            rows = [[cells[index] for index in order if index < len(cells)] for cells in rows]
        elif what == 12:
            factor = rng.choice([1e-300, 1e-30, 1e30, 1e150, 1e300, -1, 0])
            for cells in rows[1:]:
                try:
                    cells[column] = repr(float(cells[column]) * factor)
                except (ValueError, IndexError):
                    pass
        else:
            rows[row] = [",".join(rows[row]) * 1000]
    end = rng.choice(["\n", "\n", "\n", "\r\n", "\r"])
    encoding = rng.choice(["utf-8"] * 8 + ["utf-16", "latin-1", "utf-8-sig"])
    return end.join(",".join(cells) for cells in rows).encode(encoding, "replace") + rng.choice([b"", b"\n", b"\xff"])


def lines_of_text(rng, text):
    lines = text.split("\n")
    for _ in range(rng.choice([1, 2, 4])):
        place = rng.randrange(len(lines))
        lines[place] = rng.choice(["", " ", "\t\u00a0", "x" * 200_000, "a " * 50_000, "\0", "<unk> <eos>", *HOSTILE_TEXTS])
    if rng.random() < 0.2:
        lines = lines[: rng.choice([0, 1, 2])]
    return "\n".join(lines).encode() + rng.choice([b"", b"\n", b"\xff\xfe", b"\xe2\x82"])
