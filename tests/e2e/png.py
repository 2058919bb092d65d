# SPDX-License-Identifier: MIT
"""Reading a screenshot: an 8-bit PNG without interlacing."""
import struct
import zlib

from harness import check, equal


def chunks(png):
    at = 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        yield kind, png[at + 8:at + 8 + size]
        at += size + 12


def decode(png):
    """An 8-bit RGB or RGBA image without interlacing, as screenshots are."""
    equal(png[:8], b"\x89PNG\r\n\x1a\n", "the PNG's signature")
    parts = list(chunks(png))
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    check(depth == 8 and colour in (2, 6) and not interlaced, "a PNG of a kind that this cannot read")
    size = 3 if colour == 2 else 4
    data = zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"))
    rows, before, stride = [], bytearray(width * size), width * size
    for y in range(height):
        line = bytearray(data[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        unfilter(data[y * (stride + 1)], line, before, size)
        rows.append([bytes(line[x:x + 3]) for x in range(0, stride, size * 4)])  # every fourth pixel
        before = line
    return width, height, rows


def unfilter(kind, line, before, size):
    if kind == 1:
        for i in range(size, len(line)):
            line[i] = (line[i] + line[i - size]) & 255
    elif kind == 2:
        line[:] = bytes((a + b) & 255 for a, b in zip(line, before))
    elif kind == 3:
        for i in range(len(line)):
            left = line[i - size] if i >= size else 0
            line[i] = (line[i] + (left + before[i]) // 2) & 255
    elif kind == 4:
        for i in range(len(line)):
            left, corner = (line[i - size], before[i - size]) if i >= size else (0, 0)
            up = before[i]
            guess = left + up - corner
            a, b, c = abs(guess - left), abs(guess - up), abs(guess - corner)
            best = left if a <= b and a <= c else up if b <= c else corner
            line[i] = (line[i] + best) & 255
