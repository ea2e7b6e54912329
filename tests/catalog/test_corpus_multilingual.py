"""The Chinese corpora that ship: large, varied and balanced enough, and nothing of the test in the training text."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache
from itertools import chain, combinations
from statistics import mean
from string import ascii_letters, digits

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fmbench import catalog
from fmbench.data.dataset import Dataset, load_dataset
from fmbench.suite.loader import load_task
from fmbench.tasks.tags import spans

NAMES, COMMENTS = "ner-zh", "sentiment-zh"
CLUSTER = {NAMES: "document", COMMENTS: "about"}
ROWS_MIN, OPENING_SHARE_MAX = 480, 0.03
DISTINCT_PAIRS_MIN = 4200  # of neighbouring characters, in the first 6,000 of train
TYPE_SHARE_MIN, NEW_ENTITIES_MIN, NO_ENTITY_SHARE = 0.2, 0.85, (0.15, 0.27)
AMBIGUOUS_MIN, ALSO_WORDS_MIN = 10, 25
SURFACE_ACCURACY_MAX = 0.45  # chance is 0.33; measured 0.40 in cross-validation
TFIDF_ACCURACY, LENGTH_SPREAD_MAX = (0.5, 0.85), 0.07  # measured 0.68; of mean characters between labels
TOKEN = re.compile(r"[A-Za-z0-9]+(?:[.,:'-][A-Za-z0-9]+)*|\S")
MARKS = "，。、；：？！“”《》…（）"


@cache
def dataset(corpus: str) -> Dataset:
    return load_dataset(load_task(catalog.files("tasks")[corpus]))


@cache
def texts(corpus: str) -> dict[str, list[str]]:
    """Split -> texts, sentences without spaces between their tokens."""
    splits = dataset(corpus).splits.items()
    if corpus == NAMES:
        return {split: ["".join(tokens) for tokens in table["tokens"].to_pylist()] for split, table in splits}
    return {split: table["text"].to_pylist() for split, table in splits}


def every(corpus: str) -> list[str]:
    return [text for split in texts(corpus).values() for text in split]


@cache
def entities() -> dict[str, list[tuple[str, str]]]:
    """Split -> (type, string) of each mention."""
    return {
        split: [(kind, "".join(tokens[a:b])) for tokens, tags in sentences(split) for kind, a, b in spans(tags)]
        for split in dataset(NAMES).splits
    }


def sentences(split: str) -> list[tuple[list[str], list[str]]]:
    table = dataset(NAMES).splits[split]
    return list(zip(table["tokens"].to_pylist(), table["tags"].to_pylist(), strict=True))


@pytest.mark.parametrize("corpus", [NAMES, COMMENTS])
class TestBoth:
    def test_it_is_large_varied_and_in_chinese(self, corpus: str) -> None:
        rows, all_texts = dataset(corpus).rows, every(corpus)
        assert sum(rows.values()) >= ROWS_MIN
        assert rows["test"] >= 0.28 * sum(rows.values()) and rows["validation"] >= 0.1 * sum(rows.values())
        assert load_task(catalog.files("tasks")[corpus]).spec.language == "zh"
        assert len(set(all_texts)) == len(all_texts)
        running = "".join(texts(corpus)["train"])[:6000]
        assert len({running[i : i + 2] for i in range(len(running) - 1)}) >= DISTINCT_PAIRS_MIN
        opening, count = Counter(text[:2] for text in all_texts).most_common(1)[0]
        assert count / len(all_texts) <= OPENING_SHARE_MAX, opening

    def test_splits_share_no_run_of_characters_and_no_cluster(self, corpus: str) -> None:
        known = {s: {t[i : i + 8] for t in found for i in range(len(t) - 7)} for s, found in texts(corpus).items()}
        clusters = {split: set(t[CLUSTER[corpus]].to_pylist()) for split, t in dataset(corpus).splits.items()}
        assert "" not in set().union(*clusters.values())
        for one, other in combinations(known, 2):
            assert known[one] & known[other] == set()
            assert clusters[one] & clusters[other] == set()

    def test_the_data_sheet_has_the_counts_of_the_files(self, corpus: str) -> None:
        sheet = (catalog.CORPORA / corpus / "DATASHEET.md").read_text(encoding="utf-8")
        table = {line.split(" | ")[0]: line.split(" | ")[1:] for line in sheet.replace(",", "").splitlines()}
        assert all(str(count) in table[f"| {split}"] for split, count in dataset(corpus).rows.items())
        assert dataset(corpus).fingerprint in sheet
        assert all(f"## {part}" in sheet for part in ("Motivation", "Annotation", "Limits", "Maintenance"))


class TestNames:
    def test_all_types_are_frequent_and_most_names_are_new(self) -> None:
        known = {name for _, name in entities()["train"]}
        for split, mentions in entities().items():
            shares = [count / len(mentions) for count in Counter(kind for kind, _ in mentions).values()]
            assert len(shares) == 3 and min(shares) >= TYPE_SHARE_MIN
            nothing = mean(set(tags) == {"O"} for _, tags in sentences(split))
            assert NO_ENTITY_SHARE[0] <= nothing <= NO_ENTITY_SHARE[1]
            if split != "train":
                assert mean(name not in known for _, name in mentions) >= NEW_ENTITIES_MIN

    def test_tokens_are_characters_and_names_are_ambiguous(self) -> None:
        kinds = defaultdict(set)
        for kind, name in chain(*entities().values()):
            kinds[name].add(kind)
        assert sum(len(found) > 1 for found in kinds.values()) >= AMBIGUOUS_MIN
        pairs = [zip(*row, strict=True) for split in entities() for row in sentences(split)]
        rows = ["".join(token if tag == "O" else "|" for token, tag in row) for row in pairs]
        assert sum(len(name) > 1 and any(name in row for row in rows) for name in kinds) >= ALSO_WORDS_MIN
        tokens = {token for split in entities() for row, _ in sentences(split) for token in row}
        assert [token for token in tokens if not TOKEN.fullmatch(token)] == []


class TestComments:
    def test_labels_are_balanced_and_equally_long(self) -> None:
        lengths = defaultdict(list)
        for split, table in dataset(COMMENTS).splits.items():
            labels = table["label"].to_pylist()
            assert len(set(Counter(labels).values())) == 1 and len(set(labels)) == 3
            for text, label in zip(texts(COMMENTS)[split], labels, strict=True):
                lengths[label].append(len(text))
        means = [mean(values) for values in lengths.values()]
        assert max(means) / min(means) - 1 <= LENGTH_SPREAD_MAX

    def test_neither_surface_nor_characters_give_the_label_away(self) -> None:
        labels = [label for table in dataset(COMMENTS).splits.values() for label in table["label"].to_pylist()]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=3000))
        features = list(map(surface, every(COMMENTS)))
        assert cross_val_score(model, features, labels, cv=10).mean() <= SURFACE_ACCURACY_MAX
        vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
        seen = len(labels) - dataset(COMMENTS).rows["test"]
        assert list(texts(COMMENTS))[-1] == "test"
        model = make_pipeline(vectors, LogisticRegression(C=10, max_iter=2000))
        model.fit(every(COMMENTS)[:seen], labels[:seen])
        assert TFIDF_ACCURACY[0] <= model.score(texts(COMMENTS)["test"], labels[seen:]) <= TFIDF_ACCURACY[1]


def surface(text: str) -> list[float]:
    """Length, punctuation, digits and Latin letters of a text, and no character of it."""
    ends = len(re.findall(r"[。！？…]+", text))
    counts = [sum(c in marks for c in text) for marks in (*MARKS, digits, ascii_letters)]
    return [len(text), ends, len(text) / max(1, ends), *counts, float(text[-1] not in "。！？”…")]
