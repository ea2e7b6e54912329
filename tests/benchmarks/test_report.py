"""The table: what it says of bars that are met, missed, open, or not measured."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import report, tables
from benchmarks.bars import BARS, Bar
from benchmarks.measure import FAILED, MET, MISSED, NOT_RUN, Row, judge, measure
from benchmarks.pairs import Pair, Quality, Ratio, Seconds, Side
from benchmarks.sizes import SIZES, Size

FAST = Ratio(2.5, 2.4, 2.6, 1.0, 2.5, 6)
EQUAL = Quality("accuracy", 0.81, 0.80, -0.01, 0.03, 200, 0.5)


def bar(build: Callable[[Size], Pair] | None = None, at_least: float = 2.2) -> Bar:
    def steady(size: Size) -> Pair:
        return Pair(Side(lambda _: Seconds(steps=1.0)), Side(lambda _: Seconds(steps=3.0)), part="steps")

    return Bar("one", "our work", "their work", at_least, f"{at_least}x", build or steady, data=())


def test_names_are_unique_and_the_issue_s_bars_are_there() -> None:
    assert len({one.name for one in BARS}) == len(BARS)
    wanted = [2.2, 2.3, 1.3, 2.2, 2.2, 2.2, 3, 1 / 1.1, 0.7, 0.5]
    assert [one.at_least for one in BARS][: len(wanted)] == pytest.approx(wanted)
    assert all(one.at_least > 0 for one in BARS)


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_training_rows_fill_their_batches(size: Size) -> None:
    assert not any(rows % 32 for rows in (size.train_rows, size.quality_rows, size.frozen_rows))
    assert size.train_rows > 32, "a single step has no time after the first"


def test_a_bar_is_judged_by_its_part() -> None:
    one = bar()
    row = measure(one, one.build(SIZES["quick"]), rounds=6)
    assert row.verdict == MET
    assert row.ratio == Ratio(3.0, 3.0, 3.0, 1.0, 3.0, 6)
    assert measure(bar(at_least=3.1), one.build(SIZES["quick"]), rounds=6).verdict == MISSED


def test_quality_takes_the_place_of_the_warm_up() -> None:
    log: list[str] = []

    def compared() -> Quality:
        log.append("quality")
        return EQUAL

    pair = Pair(Side(lambda _: log.append("ran")), Side(lambda _: log.append("ran")), quality=compared)
    assert measure(bar(), pair, rounds=1).quality == EQUAL
    assert log == ["quality", "ran", "ran"]


def test_a_fast_side_with_other_scores_misses_the_bar() -> None:
    differs = replace(EQUAL, low=0.005)
    assert judge(bar(), FAST, EQUAL)
    assert not judge(bar(), FAST, differs)
    assert tables.verdict(bar(), Row("one", MISSED, ratio=FAST, quality=differs)) == "missed (scores differ)"


def test_an_interval_that_spans_the_bar_is_said() -> None:
    row = Row("one", MET, ratio=Ratio(2.3, 2.1, 2.5, 1, 2.3, 6))
    assert tables.verdict(bar(), row) == "met (interval spans the bar)"
    assert tables.verdict(bar(), Row("one", MET, ratio=FAST)) == "met"


def test_a_row_survives_json_with_an_undefined_interval() -> None:
    row = Row("one", MET, ratio=Ratio(2.3, math.nan, math.nan, 1, 2.3, 2), beside={"whole": FAST}, quality=EQUAL)
    text = json.dumps(row.to_dict(), allow_nan=False)
    found = Row.read(text)
    assert found.ratio is not None
    assert math.isnan(found.ratio.low)
    assert replace(found, ratio=row.ratio) == row


def test_a_missing_package_is_named() -> None:
    row = report.measured(replace(bar(), packages=(("no_such_module", "no-such-package"),)), "quick", 1)
    assert (row.verdict, row.why) == (NOT_RUN, "pip install no-such-package")


def test_missing_data_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(tmp_path))
    assert replace(bar(), data=("conll2003",)).missing() == "no conll2003-en under $FMBENCH_DATA"


def test_a_failing_bar_is_a_row() -> None:
    row = report.measured(bar(), "quick", 1)  # its process does not know a bar of this name
    assert row.verdict == FAILED


def test_the_tables_hold_ratio_parts_scores_and_reasons() -> None:
    rows = [
        Row("one", MET, ratio=FAST, beside={"whole": Ratio(2.3, 2.2, 2.4, 2, 4.6, 6)}, quality=EQUAL),
        Row("two", NOT_RUN, "pip install x"),
    ]
    bars = [bar(), replace(bar(), name="two")]
    for found in (tables.text(bars, rows, {"cpu": "Z80"}), tables.markdown(bars, rows, {"cpu": "Z80"})):
        for part in ("2.50 [2.40, 2.60]", "2.30 [2.20, 2.40]", "whole", "two: not run: pip install x", "Z80"):
            assert part in found
        assert "accuracy ours 81.0, peer 80.0, difference +1.0 [-1.0, +3.0] on the same 200 rows" in found


def test_an_unknown_bar_is_an_error_that_names_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        report.main(["--only", "probe,nothing"])
    assert leaving.value.code == 2
    assert "no bar 'nothing' (known: inference-dynamic," in capsys.readouterr().err


@pytest.mark.data
def test_the_report_from_the_command_line(
    public_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    file, page = tmp_path / "bench.json", tmp_path / "bench.md"
    only = ["--only", "inference-dynamic", "--quick", "--rounds", "1"]
    assert report.main([*only, "--json", str(file), "--markdown", str(page)]) == 0
    assert "MiniLM-L6 inference, SST-2 test" in capsys.readouterr().out
    found = json.loads(file.read_text())
    (one,) = found["bars"]
    assert one["bar"] == "inference-dynamic"
    assert one["ratio"]["median"] == pytest.approx(
        one["seconds"]["peer"]["whole"][0] / one["seconds"]["ours"]["whole"][0]
    )
    assert found["machine"]["torch"]
    assert page.read_text().startswith("| work | against |")
