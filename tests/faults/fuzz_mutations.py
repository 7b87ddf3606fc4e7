"""Mutations of files: of bytes anywhere, of the tokens of a text, and of what lies within a container.

Each takes a source of chance as an argument, so that an input is a pure function of format, seed and index.
"""

import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random

Inner = Callable[[bytes, Random], bytes]

NUMBERS = tuple(
    sorted(
        {sign * 2**bits + by for bits in (0, 7, 8, 15, 16, 31, 32, 63) for by in (-1, 0) for sign in (1, -1)}
    )
)
TOKENS = (
    *("null", "true", "[]", "{}", "-1", "0", "1", "1e999", "-1e999", "NaN", "Infinity", "0.5", "1e-320"),
    *('""', '"\\ud800"', '"\\u0000"', '"c1"', '"é"', '"\x1b[2J"', "[[[[]]]]", '{"a": {"a": 1, "a": 2}}'),
    *map(str, NUMBERS),
    "9" * 400,
    "9" * 5000,
    "[" * 100_000,
    '{"a":' * 50_000,
    '"' + "x" * 100_000 + '"',
)
HOSTILE_NAMES = (
    *(
        "../../x.png",
        "/etc/x.png",
        "C:\\x.png",
        "a/../../b.png",
        "x\ny.png",
        "x\x1b[2J.png",
        ".png",
        "a//b.png",
    ),
    *("x" * 300 + ".png", "d/" * 200 + "x.png", "images/x.png/", "é.png", "x.png\x00.txt", "COM1.png"),
)
TEXT = 2**16  # bytes that may be one
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+0-9.eE]+|\w+|\s+|.', re.DOTALL)


def mutate(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """One to eight changes of the bytes; parts of the others may come in."""
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        data = bytes(rng.choice(CHANGES)(bytearray(data), rng, others))
    return data


def mutate_text(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """One to four changes of whole tokens, so that most of what comes out is still of the form."""
    data, rest = data[:TEXT], data[TEXT:]
    tokens = TOKEN.findall(data) or [b""]
    for _ in range(rng.choice((1, 1, 2, 4))):
        i, how = rng.randrange(len(tokens)), rng.randrange(6)
        if how <= 2:
            value = [j for j, token in enumerate(tokens) if re.match(rb'[-"0-9tfn]', token)] or [i]
            tokens[rng.choice(value)] = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
        elif how == 3:
            del tokens[i : i + rng.randint(1, 3)]
        elif how == 4:
            tokens[i:i] = tokens[rng.randrange(len(tokens)) :][: rng.randint(1, 12)]
        else:
            tokens[i:i] = TOKEN.findall(rng.choice(others)[:4096])[: rng.randint(1, 12)]
        tokens = tokens or [b""]
    return b"".join(tokens) + rest


def _at(data: bytearray, rng: Random) -> int:
    """A place in the data: its head, its end or anywhere, as heads and ends are what readers go by."""
    reach = rng.choice((16, 128, len(data)))
    i = rng.randrange(min(reach, len(data)) + 1)
    return len(data) - i if rng.random() < 0.2 else i


def _flip_bit(data: bytearray, rng: Random, others: Sequence[bytes]) -> bytearray:
    i = _at(data, rng)
    if i < len(data):
        data[i] ^= 1 << rng.randrange(8)
    return data


def _set_byte(data: bytearray, rng: Random, others: Sequence[bytes]) -> bytearray:
    i = _at(data, rng)
    data[i : i + 1] = bytes([rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))])
    return data


def _set_number(data: bytearray, rng: Random, others: Sequence[bytes]) -> bytearray:
    width = rng.choice((1, 2, 4, 4, 8))
    number = rng.choice(NUMBERS) % 2 ** (8 * width)
    i = _at(data, rng)
    if rng.random() < 0.5:
        i -= i % width
    data[i : i + width] = number.to_bytes(width, rng.choice(("little", "big")))
    return data


def _truncate(data: bytearray, rng: Random, others: Sequence[bytes]) -> bytearray:
    return data[: _at(data, rng)]


def _insert(data: bytearray, rng: Random, others: Sequence[bytes]) -> bytearray:
    i = _at(data, rng)
    data[i:i] = (
        rng.randbytes(rng.choice((1, 2, 4, 8, 64))) if rng.random() < 0.5 else bytes(rng.randint(1, 64))
    )
    return data


def _delete(data: bytearray, rng: Random, others: Sequence[bytes]) -> bytearray:
    i = _at(data, rng)
    del data[i : i + rng.choice((1, 2, 4, 8, 64, 512))]
    return data


def _copy_block(data: bytearray, rng: Random, others: Sequence[bytes]) -> bytearray:
    i, j, n = _at(data, rng), _at(data, rng), rng.choice((1, 4, 16, 128, 1024))
    data[j : j + n * rng.randrange(2)] = data[i : i + n]
    return data


def _splice(data: bytearray, rng: Random, others: Sequence[bytes]) -> bytearray:
    other = rng.choice(others)
    i = _at(data, rng)
    j = min(i, len(other)) if rng.random() < 0.5 else rng.randrange(len(other) + 1)
    return data[:i] + other[j:]


CHANGES = (_flip_bit, _set_byte, _set_number, _set_number, _truncate, _insert, _delete, _copy_block, _splice)


def in_gzip(data: bytes, inner: Inner, rng: Random) -> bytes:
    return gzip.compress(inner(gzip.decompress(data), rng), 1, mtime=0)


def in_zip(data: bytes, inner: Inner, rng: Random) -> bytes:
    """Changes what an entry of a zip holds, or its name, or has it twice; the zip around it stays whole."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    i = rng.randrange(len(entries))
    name, content = entries[i]
    how = rng.randrange(8)
    if how == 0:
        entries[i] = (rng.choice(HOSTILE_NAMES), content)
    elif how == 1:
        entries.append((rng.choice(entries)[0], inner(content, rng)))
    else:
        entries[i] = (name, inner(content, rng))
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    return zipped(entries, method)


def zipped(entries: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip that is the same bytes each time; names may come twice, without the library's warning."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
            info.filename, info.compress_type = name, method
            archive.NameToInfo.clear()
            archive.writestr(info, content)
    return file.getvalue()


def in_png(data: bytes, inner: Inner, rng: Random) -> bytes:
    """Changes what a chunk holds, of IDAT what is compressed in it, under a checksum that is right again."""
    chunks, i = [], 8
    while i + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, i)
        chunks.append((data[i + 4 : i + 8], data[i + 8 : i + 8 + size]))
        i += 12 + size
    i = rng.randrange(len(chunks))
    kind, content = chunks[i]
    if kind == b"IDAT" and rng.random() < 0.7:
        content = zlib.compress(inner(zlib.decompress(content), rng), 1)
    else:
        content = inner(content, rng)
    chunks[i] = (kind, content)
    if rng.random() < 0.1:
        kind = rng.choice(
            (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"PLTE", b"tRNS", b"IHDR")
        )
        chunks.insert(rng.randrange(len(chunks)), (kind, inner(content, rng)))
    return data[:8] + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )


def in_mat(data: bytes, inner: Inner, rng: Random) -> bytes:
    """Changes what is compressed in an element of a MATLAB file of version 5, or lies in it."""
    elements, i = [], 128
    while i + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, i)
        elements.append((kind, data[i + 8 : i + 8 + size]))
        i += 8 + size
    i = rng.randrange(len(elements))
    kind, content = elements[i]
    content = zlib.compress(inner(zlib.decompress(content), rng), 1) if kind == 15 else inner(content, rng)
    elements[i] = (kind, content)
    return data[:128] + b"".join(struct.pack("<II", k, len(c)) + c for k, c in elements)


def in_safetensors(data: bytes, inner: Inner, rng: Random) -> bytes:
    """Changes the text of the head, under a length that is right again."""
    size = int.from_bytes(data[:8], "little")
    head = inner(data[8 : 8 + size], rng)
    return len(head).to_bytes(8, "little") + head + data[8 + size :]


def in_json(data: bytes, inner: Inner, rng: Random) -> bytes:
    """Puts a value of another kind in the place of one, so that the text is JSON for certain."""
    found = json.loads(data)
    node, key = found, rng.choice(list(found))
    while isinstance(node[key], dict | list) and node[key] and rng.random() < 0.7:
        node = node[key]
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
    ready = (
        None,
        True,
        [],
        {},
        [[]],
        {"a": 1},
        "",
        "a\x1b[2J\n",
        -1,
        0.5,
        1e308,
        float("nan"),
        *NUMBERS,
        "é" * 99,
    )
    node[key] = rng.choice(ready)
    return json.dumps(found).encode()
