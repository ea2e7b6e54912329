"""Folders and archives of images and recordings, and idx files: what is read, and what is told of the bad."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.samples import image_folder, picture, png, tone, wav, wav_folder
from PIL import Image

from fmbench.data.dataset import Dataset
from fmbench.data.formats import Wanted
from fmbench.data.hub import _as_files
from fmbench.data.images import image_array
from fmbench.data.media import read_idx, read_image_folder, read_wav_folder
from fmbench.errors import InputError

IMAGES, SOUNDS = Wanted(("image", "label")), Wanted(("audio", "label"))


def packed(folder: Path, name: str) -> Path:
    """The folder as an archive beside it, below a folder `data/`."""
    path = folder.with_name(name)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, f"data/{file.relative_to(folder)}")
    else:
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as tar:
            for file in reversed(files):
                tar.add(file, f"data/{file.relative_to(folder)}")
    return path


def told(call: Callable[[], Any]) -> list[str]:
    with pytest.raises(InputError) as error:
        call()
    return [str(problem) for problem in error.value.problems]


def test_a_folder_of_class_folders(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "shots", 3)
    (root / "notes.txt").write_text("not a row")
    (root / ".DS_Store").write_bytes(b"?")
    (root / "red" / "x.JPG").write_bytes(png(picture("red", 9), "JPEG"))
    rows = read_image_folder(root, IMAGES)
    assert rows.columns["label"] == ["blue"] * 3 + ["red"] * 4
    assert rows.columns["id"] == [
        *(f"blue/0{i}.png" for i in range(3)),
        *(f"red/0{i}.png" for i in range(3)),
        "red/x.JPG",
    ]
    assert rows.columns["image"][0] == png(picture("blue", 0))
    assert str(rows.place(3)) == f"{root}/red/00.png"


@pytest.mark.parametrize("name", ["shots.zip", "shots.tar", "shots.tar.gz", "shots.tgz"])
def test_an_archive_holds_what_the_folder_holds(tmp_path: Path, name: str) -> None:
    root = wav_folder(tmp_path / "shots", 2)
    loose, archived = read_wav_folder(root, SOUNDS), read_wav_folder(packed(root, name), SOUNDS)
    assert archived.columns["audio"] == loose.columns["audio"]
    assert archived.columns["label"] == loose.columns["label"]
    assert archived.columns["id"] == [f"data/{one}" for one in loose.columns["id"]]


def test_a_pattern_names_columns(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for name in ("0_ann_1.wav", "1_bob_7.wav"):
        (tmp_path / "all" / name).write_bytes(wav(tone("low", 0)))
    wanted = Wanted(("audio", "label"), ("id", "speaker"), pattern=r"(?P<label>\d)_(?P<speaker>\w+?)_")
    columns = read_wav_folder(tmp_path / "all", wanted).columns
    assert (columns["label"], columns["speaker"]) == (["0", "1"], ["ann", "bob"])
    named = Wanted(("audio", "label"), columns={"label": "speaker"}, pattern=r"\d_(?P<speaker>\w+?)_")
    assert read_wav_folder(tmp_path / "all", named).columns["label"] == ["ann", "bob"]
    (tmp_path / "all" / "odd.wav").write_bytes(wav(tone("low", 0)))
    (what,) = told(lambda: read_wav_folder(tmp_path / "all", wanted))
    assert what.startswith(f"{tmp_path}/all/odd.wav: the path does not match the pattern")


def test_a_table_inside_names_the_files_and_their_columns(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "shots", 2)
    (root / "list.csv").write_text("Filename;Class;text\nred/01.png;7;a, b\nblue/00.png;8;c\n")
    columns = {"image": "Filename", "label": "Class"}
    wanted = Wanted(("image", "text", "label"), columns=columns, delimiter=";", table="*list.csv")
    for path in (root, packed(root, "shots.tar.gz")):
        rows = read_image_folder(path, wanted)
        assert rows.columns["label"] == ["7", "8"]
        assert rows.columns["text"] == ["a, b", "c"]
        assert rows.columns["image"] == [png(picture("red", 1)), png(picture("blue", 0))]
    grouped = Wanted(
        ("image", "label"), ("colour",), columns, delimiter=";", table="list.csv", pattern="(?P<colour>red|blue)/"
    )
    assert read_image_folder(root, grouped).columns["colour"] == ["red", "blue"]
    (root / "list.csv").write_text("Filename;Class;text\nred/99.png;7;a\nblue/00.png;8;c\nnone.png;1;d\n")
    assert told(lambda: read_image_folder(root, wanted)) == [
        f"{root}/list.csv:2: no such file: red/99.png",
        f"{root}/list.csv:4: no such file: none.png",
    ]
    (root / "list.csv").write_text("Filename;Class\nred/01.png;7;8\n")
    assert told(lambda: read_image_folder(root, wanted)) == [f"{root}/list.csv:2: 3 columns where the first line has 2"]
    (root / "list.csv").write_text("File;Class;text\nred/01.png;7;8\n")
    (what,) = told(lambda: read_image_folder(root, wanted))
    assert what.startswith(f"{root}/list.csv:1: no column 'Filename' with the names of the files")
    assert told(lambda: read_image_folder(root, Wanted(("image",), table="lists.csv"))) == [
        f"{root}: no table 'lists.csv' in it; did you mean 'list.csv'?"
    ]


def test_every_file_that_is_out_of_place_is_told_at_once(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "shots", 1)
    (root / "loose.png").write_bytes(png(picture("red", 0)))
    (root / "red" / "film.mp4").write_bytes(b"?")
    found = told(lambda: read_image_folder(root, IMAGES))
    assert len(found) == 2
    assert found[0] == f"{root}/loose.png: lies in no class folder: put it into one, or set `pattern` or `table`"
    assert found[1].startswith(f"{root}/red/film.mp4: not one of the files that are read here (.png, .jpg")
    assert told(lambda: read_wav_folder(tmp_path / "shots" / "blue", SOUNDS))[0].startswith(
        f"{root}/blue/00.png: not one"
    )
    (tmp_path / "empty").mkdir()
    assert told(lambda: read_wav_folder(tmp_path / "empty", SOUNDS)) == [f"{tmp_path}/empty: no .wav files in it"]
    (root / "loose.png").unlink()
    (root / "red" / "film.mp4").unlink()
    assert told(lambda: read_image_folder(root, Wanted(("image", "label"), columns={"label": "lable"}))) == [
        f"{root}: no column 'lable' for the field 'label': there are file, label, image; did you mean 'label'?"
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.sampled_from(["a.zip", "a.tar", "a.tar.gz", "a.tgz"]), st.integers(0, 2000))
def test_no_archive_gives_a_traceback(tmp_path: Path, junk: bytes, name: str, keep: int) -> None:
    path = tmp_path / name
    path.write_bytes(junk)
    with pytest.raises(InputError):
        read_image_folder(path, IMAGES)
    whole = tmp_path / "whole"
    if not whole.exists():
        image_folder(whole, 2)
    content = packed(whole, name).read_bytes()
    path.write_bytes(content[:keep])
    try:
        found = read_image_folder(path, IMAGES)
    except InputError:
        return
    assert len(found) == 4 or name == "a.tar"


def test_other_files_are_no_archives(tmp_path: Path) -> None:
    (tmp_path / "a.rar").write_bytes(b"?")
    assert told(lambda: read_image_folder(tmp_path / "a.rar", IMAGES)) == [
        f"{tmp_path}/a.rar: neither a folder nor a .zip, .tar or .tar.gz archive"
    ]


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 5, 4, 3)])
def test_idx_files_come_with_their_labels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    images = tmp_path / f"t10k-images-idx{array.ndim}-ubyte.gz"
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    images.write_bytes(gzip.compress(idx(array)))
    assert told(lambda: read_idx(images, IMAGES)) == [
        f"{images}: no file of labels beside it (looked for {labels.name})"
    ]
    labels.write_bytes(gzip.compress(idx(np.array([7, 0, 2], np.uint8))))
    rows = read_idx(images, IMAGES)
    assert rows.columns["label"] == ["7", "0", "2"]
    channels = 3 if array.ndim == 4 else 1
    for one, content in zip(array, rows.columns["image"], strict=True):
        np.testing.assert_array_equal(image_array(content, 5, 4, channels), one.reshape(5, 4, channels))
    labels.write_bytes(gzip.compress(idx(np.array([7, 0], np.uint8))))
    assert told(lambda: read_idx(images, IMAGES)) == [f"{labels}: [2] labels for 3 images"]
    labels.write_bytes(idx(np.array([7, 0, 2], np.uint8)))
    assert told(lambda: read_idx(images, IMAGES))[0].startswith(f"{labels}: not a whole gzip file")
    images.write_bytes(gzip.compress(idx(array)[:-1]))
    assert "bytes, but its head says" in told(lambda: read_idx(images, IMAGES))[0]
    images.write_bytes(gzip.compress(b"\x89PNG and so on"))
    assert told(lambda: read_idx(images, IMAGES)) == [f"{images}: not an idx file of unsigned bytes"]


def test_a_task_of_a_folder(load: Callable[..., Dataset], tmp_path: Path) -> None:
    image_folder(tmp_path / "shots", 10)
    data = load(
        {"files": {"train": "shots"}, "format": "image-folder"}, kind="image-classification", options={"size": 12}
    )
    assert data.labels == ("blue", "red")
    assert data.rows == {"train": 14, "validation": 2, "test": 4}
    assert not [note for note in data.notes if "resized" in note]
    smaller = load(
        {"files": {"train": "shots"}, "format": "image-folder"}, kind="image-classification", options={"size": 8}
    )
    assert "20 of 20 images resized to 8 x 8 pixels" in smaller.notes
    assert smaller.fingerprint == data.fingerprint


def test_every_corrupt_file_is_told_at_once(load: Callable[..., Dataset], tmp_path: Path) -> None:
    root = image_folder(tmp_path / "shots", 3)
    (root / "red" / "00.png").write_bytes(b"")
    (root / "red" / "01.png").write_bytes((root / "red" / "02.png").read_bytes()[:150])
    (root / "blue" / "02.png").write_bytes(b"a text")
    task = {"files": {"train": "shots"}, "format": "image-folder"}
    text, empty, cut = told(lambda: load(task, kind="image-classification"))
    assert text == f"{root}/blue/02.png: the image cannot be read: not an image of a known format"
    assert empty == f"{root}/red/00.png: the image cannot be read: the file is empty"
    assert cut.startswith(f"{root}/red/01.png: the image cannot be read: image file is truncated")
    sounds = wav_folder(tmp_path / "sounds", 2)
    (sounds / "low" / "00.wav").write_bytes(b"RIFF1234WAVE")
    (sounds / "high" / "01.wav").write_bytes((sounds / "high" / "01.wav").read_bytes()[:-50])
    found = told(lambda: load({"files": {"train": "sounds"}, "format": "wav-folder"}, kind="audio-classification"))
    assert [line.split(": ")[0] for line in found] == [f"{sounds}/high/01.wav", f"{sounds}/low/00.wav"]
    assert all("the audio cannot be read: not a whole wav file" in line for line in found)


def test_a_csv_names_files_relative_to_itself(load: Callable[..., Dataset], tmp_path: Path) -> None:
    image_folder(tmp_path / "shots", 10)
    lines = [f"shots/{label}/{i:02d}.png,a {label} thing,{label}" for label in ("red", "blue") for i in range(10)]
    (tmp_path / "list.csv").write_text("\n".join(["image,text,label", *lines]))
    data = load({"files": {"train": "list.csv"}}, kind="image-text-classification")
    assert data.rows == {"train": 14, "validation": 2, "test": 4}
    (tmp_path / "list.csv").write_text("\n".join(["image,text,label", *lines, "gone.png,what,red", "shots,x,red"]))
    assert told(lambda: load({"files": {"train": "list.csv"}}, kind="image-text-classification")) == [
        f"{tmp_path}/list.csv:22: the image gone.png cannot be read: No such file or directory",
        f"{tmp_path}/list.csv:23: the image shots cannot be read: Is a directory",
    ]


def test_a_folder_needs_a_format_for_folders(load: Callable[..., Dataset], tmp_path: Path) -> None:
    image_folder(tmp_path / "shots", 2)
    assert told(lambda: load({"files": {"train": "shots"}}, kind="image-classification"))[0].endswith(
        "is a folder, not a file; set `format: image-folder` or `format: wav-folder` if it holds those"
    )
    wrong = {"files": {"train": "shots"}, "format": "image-folder", "pattern": "("}
    assert "not a regular expression" in told(lambda: load(wrong, kind="image-classification"))[0]


def test_parquet_of_the_hub_holds_bytes(load: Callable[..., Dataset], tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [{"bytes": png(picture("red" if i % 2 else "blue", i)), "path": None} for i in range(20)]
    pq.write_table(pa.table({"image": images, "label": [i % 2 for i in range(20)]}), tmp_path / "rows.parquet")
    data = load({"files": {"train": "rows.parquet"}}, kind="image-classification")
    assert data.labels == ("0", "1")
    assert Image.open(io.BytesIO(data.train["image"][0].as_py())).size == (12, 12)


def test_images_of_a_hub_stay_files() -> None:
    import datasets

    content = png(picture("red", 0))
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["no", "yes"])})
    data = datasets.Dataset.from_dict({"image": [{"bytes": content, "path": None}], "label": [1]}, features=features)
    assert _as_files(data)[0] == {"image": {"bytes": content, "path": None}, "label": 1}
