"""What goes wrong is one line on standard error and the right exit code; a traceback only with --debug."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from fmbench import registry
from fmbench.cli import main
from fmbench.errors import InputError
from fmbench.registry import ADAPTATIONS, Registry


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["rnu", "x.yaml"], ["No such command 'rnu'", "Did you mean 'run'?"]),
        (["leaderboard", "bild"], ["fmbench leaderboard", "'build'"]),
        (["run"], ["fmbench run: Missing argument 'SUITE'"]),
        (["run", "x.yaml", "--modles", "a"], ["No such option: --modles", "--models"]),
        (["run", "x.yaml", "y.yaml"], ["unexpected extra argument", "y.yaml"]),
        (["run", "x.yaml", "--limit", "0"], ["--limit"]),
        (["run", "x.yaml", "--limit", "many"], ["--limit"]),
        (["show", "x", "--seeds"], ["--seeds", "requires an argument"]),
        (["list", "modls"], ["'modls'", "models"]),
        (["--nothing"], ["No such option: --nothing"]),
    ],
)
def test_a_wrong_command_line_is_one_line(
    arguments: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = command(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("fmbench")
    assert all(part in err for part in parts), err
    assert "-h shows what is right" in err


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["run", "absent.yaml"], 2, "absent.yaml: no such file"),
        (["check", "absent.yaml"], 2, "absent.yaml: no such file"),
        (["run", "tiny.yaml", "--device", "gpu"], 2, "--device gpu: not one of auto, cpu, cuda, mps, tpu"),
        (
            ["run", "tiny.yaml", "--device", "tpu"],
            2,
            "the package 'torch_tpu' is needed here: pip install 'fmbench[tpu]'",
        ),
        (["run", "tiny.yaml", "--seeds", "0,x"], 2, "--seeds: 'x' is not a seed (a whole number from 0)"),
        (["run", "tiny.yaml", "--models", "majorty"], 2, "did you mean 'majority'?"),
        (["run", "tiny.yaml", "--models", ""], 3, "no cells selected"),
        (["run", "tiny.yaml", "--out", "tiny.tsv"], 2, "tiny.tsv"),
        (["run", "tiny.yaml", "--set", "nonsense"], 2, "nonsense"),
        (["show", "absent"], 2, "absent: no such report folder"),
        (["score", "."], 2, "not a report"),
        (["leaderboard", "build"], 2, "no boards"),
        (["leaderboard", "build", "board.yaml"], 3, "no report of tiny in reports"),
        (["init", "absent.csv"], 2, "absent.csv: no such file"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    tiny_suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], code: int, line: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tiny_suite.parent)
    Path("board.yaml").write_text("board: b\ntitle: B\nsuites: [tiny]\n")
    found, out, err = command(capsys, *arguments)
    lines = [text for text in err.splitlines() if line in text]
    assert (found, out, len(lines)) == (code, "", 1), err
    assert "Traceback" not in err
    assert "internal error" not in err


def test_debug_shows_where(tiny_suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_suite.parent)
    with pytest.raises(InputError, match="no such file"):
        main(["check", "absent.yaml", "--debug"])
    with pytest.raises(OSError, match=r"tiny\.tsv"):
        main(["--debug", "run", "tiny.yaml", "--out", "tiny.tsv"])


def test_a_mistake_of_ours_says_so(
    tiny_suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise LookupError("lost\nit")

    monkeypatch.setattr("fmbench.run.check.check_suite", fail)
    code, out, err = command(capsys, "check", tiny_suite)
    assert (code, out) == (1, "")
    assert err == "internal error: LookupError: lost it (--debug shows where; please report it)\n"
    with pytest.raises(LookupError):
        main(["check", str(tiny_suite), "--debug"])


@pytest.mark.parametrize("arguments", [[], ["leaderboard"]])
def test_no_command_gives_the_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = command(capsys, *arguments)
    assert code == 2
    assert "Usage: fmbench" in out + err


def test_a_plugin_that_cannot_be_imported_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("theirs", "no_such_package.inside:Thing", "fmbench.adaptations")
    monkeypatch.setattr(registry, "entry_points", lambda *, group: EntryPoints([point] if group == point.group else []))
    broken = Registry("adaptation", dict(ADAPTATIONS._entries))
    monkeypatch.setattr(registry, "ADAPTATIONS", broken)
    code, out, err = command(capsys, "list", "adaptations")
    assert (code, out) == (2, "")
    assert err == (
        "adaptation 'theirs': the plugin (no_such_package.inside:Thing) cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_package'\n"
    )
    assert broken["fit"] is ADAPTATIONS["fit"], "the others still work"


def test_an_interrupt_anywhere_is_130_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny_suite: Path
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fmbench.run.check.check_suite", interrupted)
    with pytest.raises(SystemExit) as leaving:
        main(["check", str(tiny_suite)])
    assert leaving.value.code == 130
    assert capsys.readouterr().err.strip() in ("", "interrupted")
