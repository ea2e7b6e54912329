"""The cache of arrays gives back what was put in, and treats whatever is broken as absent."""

from __future__ import annotations

import io
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fmbench.engine import cache as module
from fmbench.engine.cache import ArrayCache, _Recent, content_key
from fmbench.files import cache_folder, write_atomic

KEY = "ab" * 32
ARRAY = np.arange(12.0).reshape(3, 4)


def stored(folder: Path) -> tuple[ArrayCache, Path]:
    cache = ArrayCache(folder)
    cache.store(KEY, ARRAY)
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    return cache, path


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, a=ARRAY)
    return stream.getvalue()


def test_an_array_comes_back_as_it_was(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path)
    assert cache.load(KEY) is None
    for array in (ARRAY, np.zeros((0, 3), np.float32), np.array([1, 2], np.int64)[::-1], np.float32(2.5).reshape(())):
        cache.store(KEY, array)
        found = cache.load(KEY)
        assert found is not None
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert np.array_equal(found, array)


def test_the_folder_is_in_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FMBENCH_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    assert ArrayCache().folder == tmp_path / "mine" / "arrays"
    monkeypatch.delenv("FMBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "fmbench"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "fmbench"


def test_a_file_cut_anywhere_counts_as_absent(tmp_path: Path) -> None:
    cache, path = stored(tmp_path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert cache.load(KEY) is None, length
    path.write_bytes(whole)
    assert cache.load(KEY) is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"PK\x03\x04 not a zip",
        b"\x80\x04K\x01.",
        npz(),
        b"\x93NUMPY\x01\x00\x10\x00(((((((((((((((\n",
        b"\x93NUMPY\x01\x00\x46\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }".ljust(69)
        + b"\n",
        b"\x93NUMPY\x01\x00\x46\x00"
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(69)
        + b"\n\x80\x04N.",
    ],
    ids=["empty", "text", "broken-zip", "pickle", "npz", "header-tokens", "huge-shape", "objects"],
)
def test_a_foreign_file_counts_as_absent_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    cache, path = stored(tmp_path)
    path.write_bytes(content)
    assert cache.load(KEY) is None
    cache.store(KEY, ARRAY)
    assert np.array_equal(cache.load(KEY), ARRAY)


def test_random_damage_to_the_header_never_raises(tmp_path: Path) -> None:
    cache, path = stored(tmp_path)
    whole = path.read_bytes()
    rng = random.Random(0)
    outcomes = set()
    for _ in range(800):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(128)] = rng.randrange(256)
        path.write_bytes(bytes(damaged))
        outcomes.add(type(cache.load(KEY)))
    assert outcomes == {type(None), np.ndarray}


def test_a_folder_in_the_place_of_a_file_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / KEY[:2] / f"{KEY}.npy").mkdir(parents=True)
    assert ArrayCache(tmp_path).load(KEY) is None


def test_many_writers_of_one_key_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "shared" / "file"
    contents = [bytes([i]) * 100_000 for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_atomic(path, content), contents))
    assert path.read_bytes() in contents
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    with pytest.raises(TypeError):
        write_atomic(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_lock_lets_one_at_a_time_make_what_belongs_to_a_key(tmp_path: Path) -> None:
    inside, most = [], []

    def work(number: int) -> None:
        with ArrayCache(tmp_path).lock(KEY):
            inside.append(number)
            most.append(len(inside))
            threading.Event().wait(0.02)
            inside.remove(number)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert most == [1] * 6


def test_locks_of_different_keys_do_not_wait_for_each_other(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=30)

    def work(key: str) -> None:
        with ArrayCache(tmp_path).lock(key):
            both.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, [KEY, "cd" * 32]))


def test_a_lock_is_free_again_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ArrayCache(tmp_path)
    with pytest.raises(ZeroDivisionError), cache.lock(KEY):
        raise ZeroDivisionError
    monkeypatch.setattr(module.time, "sleep", None)
    with cache.lock(KEY):
        cache.store(KEY, ARRAY)
    assert cache.load(KEY) is not None


@pytest.mark.parametrize("obstacle", ["held for too long", "folder cannot be made", "no file locks"])
def test_a_lock_that_cannot_be_had_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
    (tmp_path / "file").touch()
    cache = ArrayCache(tmp_path / "file" if obstacle == "folder cannot be made" else tmp_path)
    if obstacle == "no file locks":
        monkeypatch.setattr(module, "fcntl", None)
    reached = False
    with cache.lock(KEY), cache.lock(KEY):
        reached = True
    assert reached


small_arrays = arrays.arrays(st.sampled_from([np.int64, np.float32]), arrays.array_shapes(max_dims=2, max_side=3))


@given(small_arrays, small_arrays)
def test_the_key_is_the_content(a: np.ndarray, b: np.ndarray) -> None:
    same = (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    assert (content_key(["x"], a) == content_key(["x"], b)) == same
    assert content_key(["x"], a) == content_key(["x"], np.asfortranarray(a))


def test_the_key_knows_the_order_and_the_parts() -> None:
    one, two = np.array([1]), np.array([2])
    keys = {
        content_key(["x"], one, two),
        content_key(["x"], two, one),
        content_key(["y"], one, two),
        content_key(["x"], one),
        content_key(["x"], np.array([1, 2])),
        content_key(["x"], np.array([[1, 2]])),
        content_key(["x"]),
    }
    assert len(keys) == 7
    assert content_key([{"a": 1, "b": 2}]) == content_key([{"b": 2, "a": 1}])


def test_large_arrays_are_mapped_and_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, path = stored(tmp_path)
    monkeypatch.setattr("fmbench.engine.cache.MAPPED_BYTES", 10)
    found = cache.load(KEY)
    assert isinstance(found, np.memmap) and not found.flags.writeable
    assert np.array_equal(found, ARRAY)
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.load(KEY) is None


def test_the_longest_unused_go_when_the_cache_is_full(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path, limit=5500)
    array = np.zeros(200)
    keys = [letter * 64 for letter in "abcd"]
    for age, key in enumerate(keys[:3]):
        cache.store(key, array)
        os.utime(cache._path(key), (1000 + age, 1000 + age))
    assert cache.load(keys[0]) is not None
    cache.store(keys[3], array)
    assert [cache.load(key) is not None for key in keys] == [True, False, True, True]


def test_the_limit_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMBENCH_CACHE_GB", "0.5")
    assert ArrayCache().limit == 500_000_000
    monkeypatch.setenv("FMBENCH_CACHE_GB", "much")
    assert ArrayCache().limit == 20_000_000_000


def test_an_array_is_read_once_in_a_process_and_again_when_it_has_changed(
    tmp_path: Path,
) -> None:
    cache, _ = stored(tmp_path)
    first = cache.load(KEY)
    assert first is not None and not first.flags.writeable
    assert ArrayCache(tmp_path).load(KEY) is first
    cache.store(KEY, ARRAY + 1)
    assert np.array_equal(cache.load(KEY), ARRAY + 1)
    recent = _Recent(2 * ARRAY.nbytes)
    for i in range(4):
        cache.store(f"{i}" * 64, ARRAY)
        where = cache._path(f"{i}" * 64)
        recent.get(where, where.stat())
    assert len(recent.arrays) == 2 and recent.size == 2 * ARRAY.nbytes
