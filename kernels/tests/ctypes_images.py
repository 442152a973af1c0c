"""Dropout, distorted images and shares of work against numpy."""

import ctypes

import numpy as np

from ctypes_library import lib, of, ok, random, refused


def philox(key, counter):
    """Philox4x32-10 of Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011."""
    mask, (a, b, c, d) = 2**32 - 1, counter
    low, high = key & mask, key >> 32
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q >> 32) ^ b ^ low, q & mask, (p >> 32) ^ d ^ high, p & mask
        low, high = (low + 0x9E3779B9) & mask, (high + 0xBB67AE85) & mask
    return a, b, c, d


def dropout(kernels):
    key, position, n, rate = 0x123456789ABCDEF, (5, 6, 7), 203, 0.3
    x = random.standard_normal(n).astype(np.float32)
    # 16 blocks of words serve 64 elements: the first words 16 of them, and so on.
    words = [philox(key, (i // 64 * 16 + i % 16, *position))[i // 16 % 4] for i in range(n)]
    expected = np.where(np.array(words) < round(rate * 2**32), 0, x * np.float32(1 / (1 - rate)))
    position = np.array(position, np.uint32)
    ok(lib.dropout(kernels, rate, key, position, n, x))
    assert np.array_equal(x, expected) and 0.15 < np.mean(x == 0) < 0.45
    refused("VALUE", lib.dropout(kernels, 1.0, key, position, n, x))


def warp(kernels):
    rows, columns, position = 11, 28, np.array([3, 1], np.uint32)
    image = random.integers(0, 256, (rows, columns), np.uint8)
    room = np.empty(lib.warp_room(rows, columns), np.uint16)
    to, around, map_ = np.empty_like(image), np.zeros((rows + 2, columns + 2)), np.empty(6)
    around[1:-1, 1:-1] = image
    for rotation, scale, shear, shift in [(0, 0, 0, 0), (30, 0.2, 0.3, 4)]:
        ok(lib.distortion(rotation, scale, shear, shift, 42, position, rows, columns, map_))
        ok(lib.warp_u8(kernels, map_, rows, columns, image, to, room))
        assert (rotation > 0) != np.array_equal(to, image)
        r, c = np.mgrid[:rows, :columns]
        x, y = (np.floor((a * c + b * r + o) * 256) / 256 for a, b, o in (map_[:3], map_[3:]))
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)

        def pixel(down, right):
            return around[np.clip(row + 1 + down, 0, rows + 1), np.clip(column + 1 + right, 0, columns + 1)]

        right, down = x - column, y - row
        upper, lower = (pixel(i, 0) * (1 - right) + pixel(i, 1) * right for i in (0, 1))
        assert np.array_equal(to, np.rint(upper * (1 - down) + lower * down)), "warp_u8"
    refused("VALUE", lib.warp_u8(kernels, np.full(6, 9.0), rows, columns, image, to, room))
    refused("VALUE", lib.distortion(181, 0, 0, 0, 42, position, rows, columns, map_))


def shares(kernels):
    rows, columns, start, end = (ctypes.c_size_t() for _ in range(4))
    ok(lib.gemm_tile(kernels, of(rows), of(columns)))
    for len_, parts in [(0, 1), (100, 3), (7, 20)]:
        at = 0
        for part in range(parts):
            ok(lib.split(len_, rows.value, parts, part, of(start), of(end)))
            assert start.value == at and (end.value % rows.value == 0 or end.value == len_)
            at = end.value
        assert at == len_
    refused("VALUE", lib.split(7, 1, 3, 3, of(start), of(end)))


def check(kernels):
    dropout(kernels)
    warp(kernels)
    shares(kernels)
