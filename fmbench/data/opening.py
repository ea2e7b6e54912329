"""Files as bytes and as numbered lines: plain, gzipped, or inside a tar or zip archive (`data.zip//inner/file.csv`)."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fmbench.data.encodings import by_mark, excerpt, likely
from fmbench.errors import InputError, Place, Problem, nearest

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
BLOCK = 1 << 20


def in_archive(path: Path) -> tuple[Path, str] | None:
    """The archive and the name of the member, if `path` leads through one; else None."""
    for parent in path.parents:
        if parent.name.lower().endswith(ARCHIVES) and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return None


def missing(path: Path) -> Problem | None:
    """Why there is no file to open at `path`, or None."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        return Problem(f"cannot be read: {getattr(error, 'strerror', None) or error}", Place(str(path)))
    if path.is_dir():
        return Problem(
            "is a folder, not a file; set `format: image-folder` or `format: wav-folder` if it holds those",
            Place(str(path)),
        )
    if path.is_file():
        return None
    inside = in_archive(path)
    if inside is None:
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        what = "no such file" if path.parent.is_dir() else f"no such folder as {path.parent}"
        return Problem(what, Place(str(path)), nearest(path.name, siblings))
    members = _members(inside[0], path)
    if inside[1] in members:
        return None
    return Problem(f"{inside[0].name} holds no file {inside[1]!r}", Place(str(path)), nearest(inside[1], members))


def packed_bytes(path: Path) -> int:
    """Bytes of the file, or of the member before it is unpacked."""
    inside = in_archive(path) if not path.is_file() else None
    return (inside[0] if inside else path).stat().st_size


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked. Raises InputError where it or its archive is broken."""
    inside = in_archive(path) if not path.is_file() else None
    with _unpacked(path):
        if inside is None:
            with path.open("rb") as raw, _gunzipped(raw, path) as stream:
                yield stream
            return
        with zipfile.ZipFile(inside[0]) if _zipped(inside[0]) else tarfile.open(inside[0]) as archive:
            raw_member = _member(archive, inside[1], path)
            with raw_member as raw, _gunzipped(raw, path) as stream:
                yield stream


def _zipped(archive: Path) -> bool:
    return archive.suffix.lower() == ".zip"


def _members(archive: Path, path: Path) -> list[str]:
    """Names of the files in an archive. Raises InputError where it is broken."""
    with _unpacked(path):
        if _zipped(archive):
            with zipfile.ZipFile(archive) as zipped:
                return [member.filename for member in zipped.infolist() if not member.is_dir()]
        with tarfile.open(archive) as tarred:
            return [member.name.removeprefix("./") for member in tarred if member.isfile()]


def _member(archive: tarfile.TarFile | zipfile.ZipFile, name: str, path: Path) -> Any:
    for known in (name, f"./{name}"):
        try:
            found: Any = archive.open(known) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(known)
        except KeyError:
            continue
        if found is not None:
            return found
    raise InputError(Problem(f"the archive holds no file {name!r}", Place(str(path))))


@contextmanager
def _gunzipped(raw: Any, path: Path) -> Iterator[Any]:
    if path.suffix.lower() != ".gz":
        yield raw
        return
    with gzip.open(raw, "rb") as stream:
        yield stream


@contextmanager
def _unpacked(path: Path) -> Iterator[None]:
    try:
        yield
    except tarfile.TarError as error:
        raise InputError(Problem(f"not a whole tar archive: {error}", Place(str(path)))) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(Problem(f"not a readable zip archive: {error}", Place(str(path)))) from None
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        what = "archive" if in_archive(path) and not path.is_file() else "gzip file"
        raise InputError(Problem(f"not a whole {what}: {error}", Place(str(path)))) from None


def plain_encoding(encoding: str) -> str:
    """`encoding`, or utf-8-sig for UTF-8, so that a byte order mark is no part of the text."""
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """A text stream of a file, unpacked; line ends stay."""
    with open_bytes(path) as raw, io.TextIOWrapper(raw, encoding=plain_encoding(encoding), newline="") as stream:
        yield stream


def lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Numbered lines with their line ends. Raises InputError with the line where decoding or unpacking fails."""
    try:
        with open_text(path, encoding) as stream:
            yield from enumerate(stream, 1)
    except UnicodeDecodeError:
        raise InputError(undecodable(path, encoding)) from None
    except UnicodeError as error:
        raise InputError(Problem(f"not {encoding}: {error}{_marked(path)}", Place(str(path)))) from None
    except LookupError:
        raise InputError(Problem(f"unknown encoding {encoding!r}", Place(str(path)))) from None


def text(path: Path, encoding: str) -> str:
    """The whole text of a file. Raises InputError as `lines` does."""
    return "".join(line for _, line in lines(path, encoding))


def undecodable(path: Path, encoding: str) -> Problem:
    """The problem of the first byte of a file that is not `encoding`, with the line and what would read it."""
    decoder = codecs.getincrementaldecoder(plain_encoding(encoding))()
    number, other, last, first = 1, False, "", b""
    with open_bytes(path) as stream:
        while True:
            block = stream.read(BLOCK)
            first = first or block[:4]
            try:
                decoded = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raw, at = error.object, error.start
                before = raw[:at].decode(encoding, "ignore")
                number += _ends(last + before) - _ends(last)
                return _not(encoding, Place(str(path), number), raw, at, other or not before.isascii(), first)
            if not block:
                return Problem(f"not {encoding}", Place(str(path)))
            number += _ends(last + decoded) - _ends(last)
            other = other or not decoded.isascii()
            last = decoded[-1:] or last


def _not(encoding: str, place: Place, raw: bytes, at: int, mixed: bool, first: bytes) -> Problem:
    start = max(raw.rfind(b"\n", 0, at) + 1, at - BLOCK // 16)
    named = by_mark(first) or likely(raw[start : at + BLOCK // 16] if not mixed else _line(raw, at))
    what = f"not {encoding} (byte 0x{raw[at]:02x}"
    reads = f"as {named} it reads {excerpt(raw, at, named)!r}" if by_mark(first) is None else f"its mark says {named}"
    if mixed and named not in ("utf-16", "utf-32"):
        return Problem(f"{what}), though text before it is: the file mixes encodings; {reads}; save it in one", place)
    return Problem(f"{what}); set `encoding`: {reads}", place)


def _line(raw: bytes, at: int) -> bytes:
    end = raw.find(b"\n", at)
    return raw[raw.rfind(b"\n", 0, at) + 1 : end if end >= 0 else len(raw)]


def _marked(path: Path) -> str:
    with open_bytes(path) as stream:
        named = by_mark(stream.read(4))
    return f"; its mark says {named}" if named else ""


def _ends(text: str) -> int:
    """Line ends of all systems in `text`."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")
