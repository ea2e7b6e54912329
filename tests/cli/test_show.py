"""fmbench show: every cell, and the report by entity type, as seqeval gives it for the stored predictions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from seqeval.metrics.sequence_labeling import classification_report

from fmbench.cli import main
from fmbench.run.store import Store

SUITE = """\
suite: tags
models: [majority, {name: bilstm, loader: bilstm, settings: {epochs: 12}}]
tasks: [ner-news]
adaptations: {fit: {}}
"""


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    (folder / "tags.yaml").write_text(SUITE)
    with pytest.raises(SystemExit) as left:
        main(["run", str(folder / "tags.yaml"), "--out", str(folder), "--limit", "120", "--json"])
    assert not left.value.code
    return folder / "tags-limit-120"


def test_the_report_by_type_is_that_of_seqeval(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = command(capsys, "show", report, "--models", "bilstm")
    assert (code, err) == (0, "")
    assert "ner-news · bilstm · fit · seed 0: entities" in out
    table = Store(report).predictions("ner-news/bilstm/fit/seed-0")
    assert table is not None
    theirs = classification_report(
        table["gold"].to_pylist(), table["prediction"].to_pylist(), output_dict=True, zero_division=0
    )
    assert theirs["micro avg"]["f1-score"] > 0.02
    lines = {}
    for line in out.splitlines():
        cells = re.sub("[│┃|]", " ", line).split()
        if len(cells) == 5:
            lines[cells[0]] = cells[1:]
    for name, wanted in theirs.items():
        shown = lines[name.removesuffix(" avg")]
        for text, key in zip(shown, ("precision", "recall", "f1-score"), strict=False):
            if text == "–":
                assert wanted[key] == 0
            else:
                assert float(text) == pytest.approx(100 * wanted[key], abs=0.0501)
        assert shown[3].replace(",", "") == str(wanted["support"])


def test_json_selections_and_nothing(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(capsys, "show", report, "--json")
    assert code == 0
    assert [item["model"] for item in json.loads(out)] == ["majority", "bilstm"]
    code, out, _ = command(capsys, "show", report, "--json", "--models", "majority", "--seeds", "0")
    assert [item["model"] for item in json.loads(out)] == ["majority"]
    code, out, err = command(capsys, "show", report, "--seeds", "9")
    assert (code, out, err) == (3, "", f"{report}: no results match\n")


def test_score_prints_the_results_again(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(capsys, "score", report)
    assert code == 0
    assert "2 cells scored again" in out


def test_a_board_of_the_report(report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = tmp_path / "b.yaml"
    board.write_text("board: b\ntitle: B\nsuites: [tags-limit-120]\n")
    code, out, _ = command(
        capsys, "leaderboard", "build", board, "--reports", report.parent, "--out", tmp_path / "site"
    )
    assert (code, out) == (0, f"leaderboard: {tmp_path / 'site' / 'b' / 'index.html'}\n")
    assert "bilstm" in (tmp_path / "site" / "b" / "index.html").read_text()
    code, out, err = command(capsys, "leaderboard", "verify", tmp_path / "site", "--reports", report.parent)
    assert (code, out, err) == (0, "2 scores recomputed, 0 wrong, 0 unproven\n", "")


def test_doctor_tells_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(capsys, "doctor", "--json")
    facts = json.loads(out)
    assert code == 0
    assert {"python", "cpu", "cores", "torch", "device", "cache", "hub"} <= set(facts)
    assert facts["hub"] == "offline (HF_HUB_OFFLINE)"
