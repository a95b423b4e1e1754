"""Changes of archives, pickles, safetensors and pictures that keep their checksums right, so that readers go on to what is inside."""

import gzip
import io
import struct
import zipfile
import zlib

from mutations import HOSTILE_TEXTS, bitwise, json_document


def zip_archive(rng, data):
    """Members renamed, doubled, dropped, changed or packed; the archive itself is right."""
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        members = [(item.filename, archive.read(item)) for item in archive.infolist()]
    place = rng.randrange(len(members))
    name, content = members[place]
    what = rng.randrange(10)
    if what == 0:
        members[place] = (rng.choice(["../x.npy", "/x.npy", "a/../b", name.upper(), *HOSTILE_TEXTS[:28]]) or "x", content)
    elif what == 1:
        members.insert(0, (name, rng.choice(members)[1]))
    elif what == 2 and len(members) > 1:
        del members[place]
    elif what == 3:
        members[place] = (name, b"")
    else:
        members[place] = (name, member(rng, name, content))
    packing = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in members:
            # The format has 16 bits for the length of a name in UTF-8.
            name = name.replace("\0", "0").encode()[:65535].decode(errors="ignore")
            archive.writestr(name or "x", bytes(content))
    return bytearray(stream.getvalue())


def member(rng, name, content):
    if not content:
        return b"x"
    if content[:6] == b"\x93NUMPY":
        return numpy_array(rng, content)
    if name.endswith(".pkl"):
        return pickled(rng, content)
    return bitwise(rng, content)


def zip_fields(rng, data):
    """One field of a header of the archive: sizes, counts, offsets, checksums, names' lengths, methods, flags."""
    data = bytearray(data)
    kinds = {
        b"PK\x03\x04": [(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)],
        b"PK\x01\x02": [(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)],
        b"PK\x05\x06": [(4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)],
    }
    spots = []
    for signature, fields in kinds.items():
        start = data.find(signature)
        while start >= 0:
            spots += [(start + offset, size) for offset, size in fields]
            start = data.find(signature, start + 4)
    place, size = rng.choice(spots)
    value = rng.choice(
        [0, 1, 8, 12, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF, int.from_bytes(data[place : place + size], "little") + rng.choice([-1, 1, 64, 10_000])]
    )
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
    return data


def numpy_array(rng, content):
    """The header of an array, or its numbers."""
    length = int.from_bytes(content[8:10], "little")
    header = content[10 : 10 + length].decode("latin-1")
    what = rng.randrange(6)
    if what == 0:
        return bitwise(rng, content)
    if what <= 2:
        shape = ", ".join(str(rng.choice([0, 1, 2, 3, 5, -1, 2**31, 2**33, 2**62, 2**64, 10**30])) for _ in range(rng.choice([0, 1, 2, 2, 3, 40])))
        header = header[: header.find("'shape'")] + f"'shape': ({shape},), " + "}"
    elif what == 3:
        dtype = rng.choice(["<f8", "<f4", "<f2", ">f8", "|O", "<i8", "<c16", "|S8", "<U4", "|V8", "|b1", "<f99999999999", "<M8[ns]", "f", ""])
        header = "{'descr': '" + dtype + "', " + header[header.find("'fortran_order'") :]
    elif what == 4:
        header = header.replace("False", rng.choice(["True", "None", "0", "[[" * 5000]))
    else:
        header = header.replace("'", rng.choice(['"', "", "''"]), rng.choice([1, 2, 99])) + rng.choice(["", "}", "{" * 3000])
    text = header.encode("latin-1", "replace") + b"\n"
    if len(text) > 65_000:
        return content[:6] + b"\x02\x00" + struct.pack("<I", len(text)) + text + content[10 + length :]
    return content[:8] + struct.pack("<H", len(text)) + text + content[10 + length :]


# Of protocol 2 and above, with what follows them.
OPCODES = [
    b".",
    b"(",
    b"0",
    b"2",
    b"1",
    b"N",
    b"\x88",
    b"\x89",
    b")",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"]",
    b"l",
    b"}",
    b"d",
    b"a",
    b"e",
    b"s",
    b"u",
    b"R",
    b"b",
    b"\x81",
    b"Q",
    b"o",
    b"\x90",
    b"\x93",
    b"\x94",
    b"K\xff",
    b"M\xff\xff",
    b"J\xff\xff\xff\x7f",
    b"J\x00\x00\x00\x80",
    b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
    b"\x8a\x00",
    b"\x8a\xff" + b"\xff" * 255,
    b"\x8b\xff\xff\xff\x7f",
    b"X\xff\xff\xff\xff",
    b"X\x02\x00\x00\x00\xff\xfe",
    b"U\xff",
    b"T\xff\xff\xff\x7f",
    b"h\xff",
    b"j\xff\xff\xff\xff",
    b"q\x00",
    b"r\xff\xff\xff\x7f",
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"G\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80\xff",
    b"I12x\n",
    b"L" + b"9" * 40 + b"L\n",
    b"\x98",
    b"P1\n",
    b"i",
    b"(" * 50_000,
    b"]" * 50_000,
    b"(" + b"]q\x01h\x01a" * 20,
]


def pickled(rng, content):
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(len(content))
        what = rng.randrange(5)
        if what == 0:
            content[place : place + 1] = rng.choice(OPCODES)
        elif what == 1:
            content[place:place] = rng.choice(OPCODES)
        elif what == 2:
            del content[place : place + rng.choice([1, 2, 8])]
        elif what == 3:
            # A number of the program: sizes, strides and offsets are such.
            numbers = [index for index, byte in enumerate(content) if byte in b"KMJ"] or [place]
            place = rng.choice(numbers)
            width = {ord("K"): 2, ord("M"): 3, ord("J"): 5}.get(content[place], 1)
            content[place : place + width] = rng.choice(
                [
                    b"K\x00",
                    b"K\xff",
                    b"J\xff\xff\xff\xff",
                    b"J\xff\xff\xff\x7f",
                    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
                    b"\x8a\x09" + b"\xff" * 8 + b"\x00",
                    b"N",
                    b"\x88",
                    b"(t",
                ]
            )
        else:
            content = bytearray(bitwise(rng, content))
        if not content:
            break
    return bytes(content)


def safetensors(rng, data):
    length = struct.unpack("<Q", data[:8])[0]
    header, rest = bytes(data[8 : 8 + length]), bytes(data[8 + length :])
    if rng.random() < 0.1:
        return bytearray(struct.pack("<Q", rng.choice([0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1]))) + header + rest
    text = json_document(rng, header.decode()).encode("utf-8", "surrogatepass")
    return bytearray(struct.pack("<Q", len(text)) + text + rest)


def png_header(rng, data):
    """Size, depth, colour or interlacing of a PNG, with the right checksum."""
    data = bytearray(data)
    place, size = rng.choice([(16, 4), (20, 4), (24, 1), (25, 1), (26, 1), (28, 1)])
    value = rng.choice([0, 1, 2, 3, 4, 6, 7, 8, 16, 100, 65_535, 100_000, 2**31 - 1, 2**32 - 1])
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, "big")
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return data


def jpeg_header(rng, data):
    data = bytearray(data)
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        place = data.find(marker)
        if place >= 0:
            offset, size = rng.choice([(2, 2), (4, 1), (5, 2), (7, 2), (9, 1), (11, 1)])
            data[place + offset : place + offset + size] = rng.choice([0, 1, 2, 3, 4, 5, 255, 32_767, 65_535]).to_bytes(2, "big")[-size:]
    return data


def idx_header(rng, data):
    packed = data[:2] == b"\x1f\x8b"
    content = bytearray(gzip.decompress(bytes(data)) if packed else data)
    place = 4 * rng.randrange(4)
    content[place : place + 4] = struct.pack(">I", rng.choice([0, 1, 2, 27, 28, 60_000, 2**31 - 1, 2**31, 2**32 - 1, 0x0803, 0x0801, 0x0D03]))
    return bytearray(gzip.compress(bytes(content), mtime=0)) if packed else content


def gzip_bomb(rng, data):
    size = rng.choice([10**7, 3 * 10**8, 2 * 10**9])
    stream = zlib.compressobj(9, wbits=31)
    head = bytes(gzip.decompress(bytes(data)))[:16] if data[:2] == b"\x1f\x8b" else bytes(data[:16])
    pieces, block = [stream.compress(head)], bytes(10**7)
    pieces += [stream.compress(block) for _ in range(size // len(block))]
    return bytearray(b"".join(pieces) + stream.flush())
