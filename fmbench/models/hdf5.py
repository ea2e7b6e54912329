"""A reader of simple HDF5 files: groups and contiguous float data sets, as Keras 1 wrote weights.

Follows the HDF5 File Format Specification, version 3.0: superblock 0, version 1 object headers, symbol tables. Anything
newer or compressed is refused with its name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fmbench.errors import CellFailed

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NOWHERE = 2**64 - 1


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """Path of each data set ("group/name") -> float array. Raises CellFailed if the file is another sort of HDF5."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CellFailed(f"{path} cannot be read: {error.strerror}") from None
    try:
        return dict(_File(content).everything())
    except (struct.error, IndexError, ValueError, RecursionError, OverflowError, MemoryError) as error:
        raise CellFailed(f"{path} is not a simple HDF5 file (superblock 0, float arrays): {error}") from None


class _File:
    def __init__(self, content: bytes) -> None:
        if content[:8] != _SIGNATURE or content[8] != 0 or content[13:15] != b"\x08\x08":
            raise ValueError("no superblock of version 0 with addresses of 8 bytes")
        self.content = content

    def everything(self) -> Iterator[tuple[str, np.ndarray]]:
        (root,) = self._read("<Q", 64)
        return self._walk(root, "", 0)

    def _read(self, layout: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(layout, self.content, at)

    def _walk(self, header: int, path: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
        if depth > 20:
            raise ValueError("groups are nested too deep")
        messages = dict(self._messages(header))
        if 0x11 in messages:
            tree, heap = self._read("<QQ", messages[0x11])
            (names,) = self._read("<Q", heap + 24)
            for name, child in self._children(tree, names):
                yield from self._walk(child, f"{path}/{name}" if path else name, depth + 1)
        elif {1, 3, 8} <= messages.keys():
            yield path, self._array(messages)

    def _messages(self, header: int) -> Iterator[tuple[int, int]]:
        """Type and place of every message of an object, continuations included."""
        version, _, left, _, size = self._read("<BBHII", header)
        if version != 1:
            raise ValueError(f"object header of version {version}")
        blocks = [(header + 16, size)]
        while blocks and left:
            at, room = blocks.pop(0)
            end = at + room
            while at + 8 <= end and left:
                kind, length, _ = self._read("<HHB", at)
                left -= 1
                if kind == 0x10:
                    start, room = self._read("<QQ", at + 8)
                    blocks.append((start, room))
                yield kind, at + 8
                at += 8 + length

    def _children(self, tree: int, names: int) -> Iterator[tuple[str, int]]:
        """Name and object header of every entry below a B-tree node of version 1."""
        if self.content[tree : tree + 4] != b"TREE":
            raise ValueError("no B-tree where a group should have one")
        _, level, used = self._read("<BBH", tree + 4)
        for i in range(used):
            (child,) = self._read("<Q", tree + 24 + 16 * i + 8)
            if level:
                yield from self._children(child, names)
                continue
            if self.content[child : child + 4] != b"SNOD":
                raise ValueError("no symbol node where a group should have one")
            (entries,) = self._read("<H", child + 6)
            for k in range(entries):
                name, header = self._read("<QQ", child + 8 + 40 * k)
                end = self.content.index(b"\0", names + name)
                yield self.content[names + name : end].decode(), header

    def _array(self, messages: dict[int, int]) -> np.ndarray:
        version, rank = self._read("<BB", messages[1])
        start = messages[1] + (8 if version == 1 else 4)
        shape = self._read(f"<{rank}Q", start)
        kind, flags, _, _, size = self._read("<BBBBI", messages[3])
        if kind & 0x0F != 1 or flags & 1 or size not in (4, 8):
            raise ValueError("an array that is not of little-endian floats")
        layout, sort, address = self._read("<BBQ", messages[8])
        if layout != 3 or sort != 1:
            raise ValueError("an array that is chunked or compressed")
        count = int(np.prod(shape, dtype=np.int64))
        if address == _NOWHERE:
            return np.zeros(shape, dtype=f"<f{size}")
        return np.frombuffer(self.content, dtype=f"<f{size}", count=count, offset=address).reshape(shape)
