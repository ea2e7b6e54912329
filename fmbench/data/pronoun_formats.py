"""Readers of WinoBias and Winogender as pairs of sentences that differ in their pronouns: path -> Rows.

`better` is the sentence in which the pronoun is that of the gender that mostly does the job, `worse` the other one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fmbench.data.formats import Wanted, open_text
from fmbench.data.rows import Rows
from fmbench.errors import InputError, Place, Problem

PRONOUNS = frozenset({"he", "she", "him", "her", "his", "hers", "himself", "herself"})


def read_winobias(path: Path, wanted: Wanted) -> Rows:
    """`pro_stereotyped_*` of WinoBias (Zhao et al. 2018, NAACL), with the file `anti_stereotyped_*` beside it.

    Lines are numbered and mentions bracketed. Pairs that differ in more than pronouns are left out: there the two files
    were edited apart (19 of 1,584).
    """
    if not path.name.startswith("pro_"):
        raise InputError(Problem("the file must be named pro_stereotyped_*", Place(str(path))))
    other = path.with_name(path.name.replace("pro_", "anti_", 1))
    if not other.is_file():
        raise InputError(Problem(f"no file {other.name} beside it", Place(str(path))))
    columns: dict[str, list[Any]] = {"better": [], "worse": [], "subset": []}
    numbers = []
    subset = "type2" if "type2" in path.name else "type1"
    anti = dict(_numbered(other, wanted))
    for line, (number, pro) in enumerate(_numbered(path, wanted), 1):
        if number in anti and only_pronouns_differ(pro, anti[number]):
            for name, value in (("better", pro), ("worse", anti[number]), ("subset", subset)):
                columns[name].append(value)
            numbers.append(line)
    return Rows(columns, str(path), lines=numbers)


def only_pronouns_differ(first: str, second: str) -> bool:
    """Whether two sentences have the same words, but for pronouns, of which some differ."""
    words = [re.findall(r"\w+|[^\w\s]", text) for text in (first, second)]
    if len(words[0]) != len(words[1]):
        return False
    off = [{a.lower(), b.lower()} for a, b in zip(*words, strict=True) if a != b]
    return bool(off) and all(pair <= PRONOUNS for pair in off)


def _numbered(path: Path, wanted: Wanted) -> Iterator[tuple[str, str]]:
    with open_text(path, wanted.encoding) as stream:
        for line in stream:
            number, _, text = line.strip().partition(" ")
            if text:
                yield number, re.sub(r"[\[\]]", "", text)


def read_winogender(path: Path, wanted: Wanted) -> Rows:
    """`all_sentences.tsv` of Winogender (Rudinger et al. 2018, NAACL), with `occupations-stats.tsv` beside it.

    Only sentences whose pronoun means the occupation; `better` has the gender of most who hold it in the statistics of
    the US Bureau of Labor of 2015, which stands in `held_by`.
    """
    statistics = path.with_name("occupations-stats.tsv")
    if not statistics.is_file():
        raise InputError(Problem(f"no file {statistics.name} beside it", Place(str(path))))
    women = {row[0]: float(row[2]) for _, row in _tabbed(statistics, wanted)}
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    lines: dict[tuple[str, str, str], int] = {}
    for line, (name, text) in _tabbed(path, wanted):
        occupation, participant, answer, gender, *_ = name.split(".")
        if answer == "0":
            found.setdefault((occupation, participant, answer), {})[gender] = text
            lines.setdefault((occupation, participant, answer), line)
    columns: dict[str, list[Any]] = {"better": [], "worse": [], "held_by": [], "occupation": []}
    numbers = []
    for key, sentences in found.items():
        most = "female" if women[key[0]] > 50 else "male"
        least = "male" if most == "female" else "female"
        row = (sentences[most], sentences[least], "women" if most == "female" else "men", key[0])
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
        numbers.append(lines[key])
    return Rows(columns, str(path), lines=numbers)


def _tabbed(path: Path, wanted: Wanted) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines after the header, split at tabs."""
    with open_text(path, wanted.encoding) as stream:
        for number, line in enumerate(stream, 1):
            if number > 1 and line.strip():
                yield number, line.rstrip("\r\n").split("\t")
