"""Every broken suite says in its first lines what `check` and `run` must say about it.

    # expect: FILE:LINE:COLUMN: part of the message

FILE is `$SELF` or a path beside the suite; `*` stands where the place has no file, line or column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from fmbench.cli import main

FOLDER = Path(__file__).parent
SUITES = sorted(FOLDER.glob("*.yaml"))
EXPECT = re.compile(r"# expect: (?P<file>[^:]+):(?P<line>\d+|\*):(?P<column>\d+|\*): (?P<message>.+)")


@dataclass(frozen=True)
class Expected:
    place: str
    message: str

    def met_by(self, line: str) -> bool:
        return line.startswith(self.place) and self.message in line.removeprefix(self.place)


def expectations(suite: Path) -> list[Expected]:
    found = []
    for line in suite.read_text(errors="replace").splitlines():
        match = EXPECT.fullmatch(line)
        if match is None:
            break
        file = {"$SELF": str(suite), "*": None}.get(match["file"], str(FOLDER / match["file"]))
        parts = [part for part in (file, match["line"], match["column"]) if part not in (None, "*")]
        found.append(Expected(":".join(parts) + ": " if parts else "", match["message"]))
    return found


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error of a command that must refuse its input."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    assert left.value.code == 2, err
    assert out == ""
    assert err.endswith("\n")
    return err.splitlines()


def tree(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.stem)
def test_check_and_run_name_every_problem(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tree(FOLDER)
    expected = expectations(suite)
    lines = refused(["check", str(suite)], capsys)
    assert not any("Traceback" in line or "internal error" in line for line in lines)
    assert len(lines) == len(expected), "\n".join(lines)
    left = list(lines)
    for item in expected:
        met = next((line for line in left if item.met_by(line)), None)
        assert met is not None, f"nothing says {item} in:\n" + "\n".join(left)
        left.remove(met)
    assert refused(["run", str(suite), "--out", str(tmp_path / "reports")], capsys) == lines
    assert tree(tmp_path) == set()
    assert tree(FOLDER) == before


def test_there_are_many_and_some_have_several_independent_problems() -> None:
    counts = {suite.stem: len(expectations(suite)) for suite in SUITES}
    assert len(counts) >= 40
    assert min(counts.values()) >= 1
    assert sum(name.startswith("several-") and count >= 4 for name, count in counts.items()) >= 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ":1:1: the file is empty"),
        (b"\xef\xbb\xbf", ":1:1: the file is empty"),
        (b"#" * 1_000_001, ": 1,000,001 bytes, more than the 1,000,000 allowed"),
        (b"[" * 500_000, ":1:41: nested more than 40 levels deep"),
        ("suite: b\n".encode("utf-16"), ":1:1: not UTF-8 (byte 0xff)"),
    ],
    ids=["empty", "only-bom", "too-large", "half-a-megabyte-of-brackets", "utf-16"],
)
def test_files_that_cannot_carry_comments(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "broken.yaml"
    suite.write_bytes(content)
    assert refused(["check", str(suite)], capsys) == [f"{suite}{message}"]
    assert refused(["run", str(suite), "--out", str(tmp_path / "reports")], capsys) == [f"{suite}{message}"]
    assert tree(tmp_path) == {suite}


@pytest.mark.parametrize(("make", "message"), [(False, "no such file"), (True, "cannot be read: Is a directory")])
def test_a_suite_that_is_no_file(make: bool, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "nowhere.yaml"
    if make:
        suite.mkdir()
    assert refused(["check", str(suite)], capsys) == [f"{suite}: {message}"]
