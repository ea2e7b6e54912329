"""The suites that docs/data.md shows run on the data that it shows, and print what it prints."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import own_data
import pytest
from scipy.io import wavfile

from fmbench.cli import main

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "data.md").read_text(encoding="utf-8")
MEDIA = (DOCS / "bring-your-own-media.md").read_text(encoding="utf-8")
SHOWN = re.compile(r"^`(\w+)\.yaml`:\n\n```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
SUITES = dict(SHOWN.findall(PAGE))
NAMES = ("reviews", "notes", "photos", "sounds", "views", "loans", "sales")
WRITE = {name: getattr(own_data, f"write_{name}") for name in NAMES}
BASELINES = ("majority", "popularity", "naive")


def outputs(name: str) -> dict[str, list[str]]:
    """Verb -> the lines that the page prints below `$ fmbench VERB NAME.yaml`, in single blanks."""
    found: dict[str, list[str]] = {}
    for verb, lines in re.findall(
        rf"^\$ fmbench (\w+) {name}\.yaml\n(.*?)(?=^\$|^```)", PAGE, re.MULTILINE | re.DOTALL
    ):
        found[verb] = [" ".join(line.split()) for line in lines.splitlines() if line != "..."]
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A folder with the data and the suite of one section, which is the working directory."""
    name = request.getfixturevalue("name")
    WRITE[name](tmp_path)
    (tmp_path / f"{name}.yaml").write_text(SUITES[name], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        return int(left.value.code or 0), *capsys.readouterr()

    return run


def test_the_page_has_a_suite_for_each() -> None:
    assert tuple(SUITES) == NAMES
    assert all(len(text.splitlines()) <= 10 for text in SUITES.values())
    assert all(list(outputs(name)) == ["check", "audit", "run"] for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("folder")
class TestEach:
    def test_check_and_audit_print_what_the_page_prints(
        self, name: str, command: Callable[..., tuple[int, str, str]]
    ) -> None:
        for verb in ("check", "audit"):
            code, out, err = command(verb, f"{name}.yaml")
            assert (code, err) == (0, "")
            printed = [" ".join(line.split()) for line in out.splitlines()]
            assert [line for line in outputs(name)[verb] if line not in printed] == []

    def test_run_prints_what_the_page_prints_but_for_digits(
        self, name: str, command: Callable[..., tuple[int, str, str]]
    ) -> None:
        code, out, err = command("run", f"{name}.yaml")
        assert code == 0, err
        printed = {" ".join(line.split()[:4]): " ".join(line.split()) for line in out.splitlines()}
        head, *shown = [line for line in outputs(name)["run"] if line.startswith((f"{name} ", "task "))]
        assert head in printed.values()
        scores = {}
        for line in shown:
            found = printed[" ".join(line.split()[:4])]
            assert re.sub(r"[\d.]+", "#", found) == re.sub(r"[\d.]+", "#", line)
            assert found == line or line.split()[1] not in BASELINES
            scores[line.split()[1]] = float(found.split()[5])
        best = (min if name == "sales" else max)(scores, key=scores.__getitem__)
        assert best not in BASELINES


@pytest.mark.parametrize("name", ["photos", "sounds"])
def test_the_page_on_media_has_suites_for_the_same_folders(
    name: str, folder: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    (text,) = [text for other, text in SHOWN.findall(MEDIA) if other == name]
    assert len(text.splitlines()) <= 10
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    code, out, err = command("check", f"{name}.yaml")
    assert (code, err) == (0, "")
    assert f"{name}.yaml: good; " in out


def replaced(file: str, old: str, new: str) -> Callable[[], None]:
    def slip() -> None:
        text = Path(file).read_text(encoding="utf-8")
        assert old in text
        Path(file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return slip


def added(file: str, line: str | bytes) -> Callable[[], None]:
    def slip() -> None:
        with Path(file).open("ab") as stream:
            stream.write(line if isinstance(line, bytes) else line.encode())

    return slip


def both(*slips: Callable[[], None]) -> Callable[[], None]:
    return lambda: [slip() for slip in slips][-1]


def empty_test(name: str, header: str) -> Callable[[], None]:
    return both(
        added("test.csv", header), replaced(f"{name}.yaml", f"train: {name}.csv", f"train: {name}.csv, test: test.csv")
    )


def without_class_folders() -> None:
    for path in list(Path("photos").glob("*/*.png")):
        shutil.move(path, Path("photos") / path.name)


def no_picture(name: str, content: str) -> Callable[[], None]:
    return lambda: Path("photos", "disc", name).write_text(content) and None


def no_blank_lines() -> None:
    text = Path("notes.conll").read_text(encoding="utf-8")
    Path("notes.conll").write_text(text.replace("\n\n", "\n"), encoding="utf-8")


def in_latin_1() -> None:
    Path("notes.conll").write_bytes(Path("notes.conll").read_text(encoding="utf-8").encode("latin-1"))


GERMAN = "c01,Das Gerät läuft.,good\n"
SLIPS: dict[str, list[Callable[[], None]]] = {
    "reviews": [
        replaced("reviews.yaml", "label: verdict", "label: verdikt"),
        both(
            replaced("reviews.yaml", "    cluster_key", "    labels: [good, bad]\n    cluster_key"),
            replaced("reviews.csv", ",good\n", ",Good\n"),
        ),
        added("reviews.csv", "c01,It works.,NaN\n"),
        added("reviews.csv", "c01,It works, mostly,good\n"),
        added("reviews.csv", GERMAN.encode("cp1252")),
        both(added("reviews.csv", GERMAN), added("reviews.csv", GERMAN.encode("cp1252"))),
        empty_test("reviews", "customer,review,verdict\n"),
    ],
    "notes": [
        replaced("notes.conll", "visited O", "visited"),
        replaced("notes.yaml", "tags: -1", "tags: 3"),
        replaced("notes.conll", "B-PER", "PER"),
        both(
            replaced("notes.yaml", "    data", "    labels: [PER, LOC]\n    data"),
            replaced("notes.conll", "B-LOC\nYork I-LOC", "B-ORG\nYork I-ORG"),
        ),
        in_latin_1,
        no_blank_lines,
    ],
    "photos": [
        no_picture("001.png", ""),
        no_picture("004.png", "a note"),
        without_class_folders,
        replaced("photos.yaml", "format: image-folder}", "format: image-folder}\n    labels: [disc, square]"),
        no_picture("a.heic", "?"),
        replaced("photos.yaml", ", format: image-folder", ""),
        both(lambda: Path("other").mkdir(), replaced("photos.yaml", "train: photos", "train: photos, test: other")),
    ],
    "sounds": [
        lambda: wavfile.write("sounds/rising/001.wav", 8000, own_data.np.zeros(0, dtype=own_data.np.int16)),
        lambda: wavfile.write("sounds/rising/004.wav", 8000, own_data.np.full(900, float("nan"), own_data.np.float32)),
        added("sounds/rising/a.mp3", "ID3"),
        replaced("sounds.yaml", "format: wav-folder}", "format: wav-folder}\n    labels: [falling, rising]"),
        replaced("sounds.yaml", "sample_rate", "samplerate"),
    ],
    "views": [
        replaced("views.yaml", "item: article, time", "item: articel, time"),
        replaced("views.yaml", "text: title", "text: name"),
        replaced("views.csv", "1700000000", "NaN"),
        added("views.csv", ",bread-1,1700000000\n"),
        added("views.csv", "u01,Brötchen,1700000000\n".encode("latin-1")),
        added("articles.csv", "bread-1,Another title\n"),
        empty_test("views", "reader,article,when\n"),
    ],
    "loans": [
        replaced("loans.csv", ",yes\n", ",maybe\n"),
        added("loans.csv", "l999,NaN,3000,clerk,yes\n"),
        replaced("loans.yaml", "drop: [loan]", "drop: [loans]"),
        added("loans.csv", 'l999,"2.400,50",3000,clerk,yes\n'),
    ],
    "sales": [
        replaced("sales.yaml", "time: day", "time: date"),
        added("sales.csv", "2025-12-01,closed,3\n"),
        added("sales.csv", "31.12.2025,1,3\n"),
        added("sales.csv", "2025-01-05,1,3\n"),
    ],
}


@pytest.mark.parametrize(("name", "number"), [(name, i) for name in NAMES for i in range(len(SLIPS[name]))])
@pytest.mark.usefixtures("folder")
def test_slips_are_told_as_the_page_says(name: str, number: int, command: Callable[..., tuple[int, str, str]]) -> None:
    (section,) = [part for part in PAGE.split("\n### ") if f"`{name}.yaml`:" in part]
    shown = section.split("```")[-2].strip().splitlines()
    assert len(shown) == len(SLIPS[name])
    SLIPS[name][number]()
    code, out, err = command("check", f"{name}.yaml")
    warned = ": warning: " in shown[number]
    assert code == (0 if warned else 2)
    assert shown[number] in (out if warned else err).splitlines()
