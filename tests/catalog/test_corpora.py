"""The corpora that ship: large and varied enough, nothing of the test in train, and meaning rather than surface."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from statistics import mean

import pytest
from corpus_checks import (
    CORPORA,
    Corpus,
    chinese,
    dataset,
    every,
    leaks,
    mentions,
    near_duplicates,
    pieces,
    runs,
    surface_chance,
    surface_score,
    task,
    texts,
    words,
)

from fmbench import catalog
from fmbench.data.rows import SPLITS

HEADINGS = ["Motivation", "Composition", "Annotation", "Splits", "Hard cases", "Limits", "Maintenance"]
RUNNING = 5000
OPENING_SHARE_MAX = 0.03
SURFACE = r"Surface alone for `{}` \([^)]*`surface_score` in the tests\): (\d\.\d{{3}}), chance (\d\.\d{{3}})\."
SURFACE_ERROR_MAX = 0.006
SHARED_MAX, SHARED_OVERALL_MAX = 0.20, 0.003  # runs that another split has too: of one text, of all
NEW_ENTITIES_MIN = {"ner-news": 0.5, "disclosures": 0.6, "clinical-notes": 0.5, "ner-zh": 0.85}
TYPE_SHARE_MIN = {"ner-news": 0.15, "disclosures": 0.12, "clinical-notes": 0.12, "ner-zh": 0.2}
NO_ENTITY_SHARE = {
    "ner-news": (0.08, 0.20),
    "disclosures": (0.15, 0.40),
    "clinical-notes": (0.1, 0.25),
    "ner-zh": (0.15, 0.27),
}
LABEL_SPREAD_MAX = {
    "sentiment-reviews": 0.01,
    "company-headlines": 0.02,
    "incident-reports": 0.015,
    "patient-messages": 0.0,
    "patient-urgency": 0.0,
    "passenger-commands": 0.03,
    "command-object": 0.09,
    "sentiment-zh": 0.0,
}


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)
class TestEvery:
    def test_it_is_large_enough(self, corpus: Corpus) -> None:
        counts = {split: len(own) for split, own in texts(corpus).items()}
        assert list(counts) == list(SPLITS)
        assert sum(counts.values()) >= corpus.rows
        assert min(counts.values()) >= 0.1 * sum(counts.values())
        assert counts["test"] >= 0.25 * sum(counts.values())

    def test_no_text_comes_twice_nor_nearly(self, corpus: Corpus) -> None:
        counts = Counter(text if chinese(corpus.task) else " ".join(words(text)) for text in every(corpus))
        assert [text for text, count in counts.items() if count > 1] == []
        assert near_duplicates(every(corpus)) == []

    def test_splits_share_neither_texts_nor_runs_of_words(self, corpus: Corpus) -> None:
        for seen, unseen in combinations(SPLITS, 2):
            known = {run for text in texts(corpus)[seen] for run in leaks(corpus, text)}
            own = {text: leaks(corpus, text) for text in texts(corpus)[unseen]}
            assert [text for text, found in own.items() if len(found & known) > SHARED_MAX * len(found)] == []
            shared = sum(len(found & known) for found in own.values())
            assert shared <= SHARED_OVERALL_MAX * sum(map(len, own.values())), (seen, unseen)

    def test_no_cluster_is_in_two_splits(self, corpus: Corpus) -> None:
        key = task(corpus.task).spec.cluster_key
        if key is not None:
            clusters = [set(table[key].to_pylist()) for table in dataset(corpus.task).splits.values()]
            assert not any(one & other for one, other in combinations([*clusters, {""}], 2))

    def test_the_language_is_varied(self, corpus: Corpus) -> None:
        found = {split: [pieces(corpus, text) for text in own] for split, own in texts(corpus).items()}
        running = [piece for text in found["train"] for piece in text][:RUNNING]
        assert len(set(running)) >= corpus.distinct
        trigrams = [run for own in found.values() for text in own for run in runs(text, 3)]
        assert len(set(trigrams)) / len(trigrams) >= corpus.trigrams
        openings = Counter(
            tuple(text[:1] if chinese(corpus.task) else text[:2]) for own in found.values() for text in own
        )
        opening, count = openings.most_common(1)[0]
        assert count / openings.total() <= OPENING_SHARE_MAX, opening

    def test_the_surface_says_little(self, corpus: Corpus) -> None:
        if corpus.surface is not None:
            assert surface_score(corpus) <= corpus.surface

    def test_the_data_sheet_says_how_little(self, corpus: Corpus) -> None:
        text = (catalog.CORPORA / (corpus.folder or corpus.task) / "DATASHEET.md").read_text(encoding="utf-8")
        hard = " ".join(text.split("## Hard cases")[1].split("\n## ")[0].split())
        found = re.findall(SURFACE.format(corpus.task), hard)
        assert len(found) == 1
        if corpus.surface is not None:
            measured = surface_score(corpus), surface_chance(corpus)
            assert [float(figure) for figure in found[0]] == pytest.approx(measured, abs=SURFACE_ERROR_MAX)

    def test_the_data_sheet_fits_the_files(self, corpus: Corpus) -> None:
        text = (catalog.CORPORA / (corpus.folder or corpus.task) / "DATASHEET.md").read_text(encoding="utf-8")
        headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
        assert [heading for heading in headings if heading not in corpus.headings] == HEADINGS
        assert "CC0-1.0" in text and task(corpus.task).spec.license == "CC0-1.0"
        rows = [line.strip("|").split("|") for line in text.replace(",", "").splitlines() if line.startswith("|")]
        cells = {name.strip(): [cell.strip() for cell in others] for name, *others in rows}
        counts = {split: len(own) for split, own in texts(corpus).items()}
        if corpus.once is not None:
            counts = dataset(corpus.task).rows
        assert [split for split, count in counts.items() if str(count) not in cells[split]] == []
        assert dataset(corpus.task).fingerprint in text

    def test_spaces_are_single_and_characters_printable(self, corpus: Corpus) -> None:
        folder = catalog.CORPORA / (corpus.folder or corpus.task)
        lines = [
            (path.name, number, line)
            for split in SPLITS
            for path in folder.glob(f"{split}.*")
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        ]
        assert len(lines) >= corpus.rows
        odd = [
            (name, number)
            for name, number, line in lines
            if line != line.strip(" ") or "  " in line or not line.replace("\t", "").replace("\u3000", "").isprintable()
        ]
        assert odd == []


def test_near_duplicates_are_seen() -> None:
    found = every(CORPORA["incident-reports"])[:300]
    twin = found[7].replace(found[7].split()[3], "other")
    assert near_duplicates([*found[:150], twin, *found[150:]]) == [(found[7], twin)]


def test_every_corpus_is_checked() -> None:
    folders = {path.name for path in catalog.CORPORA.iterdir() if path.is_dir()}
    assert {corpus.folder or corpus.task for corpus in CORPORA.values()} == folders
    kinds = {corpus.task: task(corpus.task).spec.kind for corpus in CORPORA.values()}
    assert {name for name, kind in kinds.items() if kind == "token-classification"} == set(NEW_ENTITIES_MIN)
    assert {name for name, kind in kinds.items() if kind == "text-classification"} == set(LABEL_SPREAD_MAX)


@pytest.mark.parametrize("name", NEW_ENTITIES_MIN)
class TestEntities:
    def test_most_are_new_outside_of_train(self, name: str) -> None:
        known = {entity for _, entity in mentions(name, "train")}
        for split in ("validation", "test"):
            own = [entity for _, entity in mentions(name, split)]
            assert mean(entity not in known for entity in own) >= NEW_ENTITIES_MIN[name]
            assert mean(entity not in known for entity in set(own)) >= NEW_ENTITIES_MIN[name]

    @pytest.mark.parametrize("split", SPLITS)
    def test_all_types_are_frequent_and_some_sentences_name_nothing(self, name: str, split: str) -> None:
        counts = Counter(kind for kind, _ in mentions(name, split))
        assert tuple(sorted(counts)) == dataset(name).labels
        assert min(counts.values()) / counts.total() >= TYPE_SHARE_MIN[name]
        low, high = NO_ENTITY_SHARE[name]
        assert low <= mean(set(tags) == {"O"} for tags in dataset(name).splits[split]["tags"].to_pylist()) <= high


@pytest.mark.parametrize("name", LABEL_SPREAD_MAX)
def test_labels_are_balanced_in_every_split(name: str) -> None:
    for table in dataset(name).splits.values():
        counts = Counter(table["label"].to_pylist())
        assert tuple(sorted(counts)) == tuple(sorted(dataset(name).labels))
        assert (max(counts.values()) - min(counts.values())) / len(table) <= LABEL_SPREAD_MAX[name]
