"""text-generation: rows and their readers, models that answer, stored answers, and a run from file to board."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from fmbench.adapt.zero_shot import ZeroShot
from fmbench.cli import main
from fmbench.data.audit import audit
from fmbench.data.dataset import load_dataset
from fmbench.data.formats import Wanted
from fmbench.data.line_files import read_lines
from fmbench.data.rows import Rows
from fmbench.engine import generate
from fmbench.engine.context import FitContext
from fmbench.engine.generate import Generator
from fmbench.errors import CellFailed, InputError, Place
from fmbench.models.classical.answering import pieces
from fmbench.models.language import LanguageModel
from fmbench.registry import KINDS, LOADERS
from fmbench.run.store import Store
from fmbench.suite.loader import load_suite
from fmbench.suite.schema import Model, ModelFile, Weights
from fmbench.tasks.examples import Examples
from fmbench.tasks.text_generation import Source, TextGeneration

SHARED = Path(__file__).parents[3] / "shared" / "data"
STORIES = Path(os.environ.get("FMBENCH_DATA", SHARED)).parent / "models" / "stories260K"
WORDS = ["the", "cat", "dog", "sat", "on", "a", "mat", "ran", ".", "?"]
CONTEXT = FitContext(0, "cpu", lambda scores: 0.0)


def examples(train: list[tuple[str, str]], task: str = "t", **options: Any) -> Examples:
    text, references = [pair[0] for pair in train], [[pair[1]] for pair in train]
    columns = {"text": pa.array(text, pa.string()), "references": pa.array(references, pa.list_(pa.string()))}
    table = pa.table({"id": pa.array([f"train-{i}" for i in range(len(train))], pa.string()), **columns})
    kind = KINDS["text-generation"]
    return Examples(kind, (), table, table.slice(0, 0), options=kind.Options(**options), task=task)


def load(loader: str, folder: Path | None = None, base: Path = Path(), **settings: Any) -> Any:
    owner = LOADERS[loader]
    spec = ModelFile(name=loader, loader=loader, weights=Weights(folder=str(folder)) if folder else None)
    model = Model(spec, owner.Settings.model_validate(settings), base, Place("here"))
    assert owner.check(model) == []
    return owner.load(model)


def answers(loader: str, train: list[tuple[str, str]], inputs: list[str], **settings: Any) -> list[str]:
    fitted = load(loader, **settings).fit(examples(train), seed=0)
    return fitted.predict([Source(text, f"test-{i}") for i, text in enumerate(inputs)])[:, 0].tolist()


def test_a_source_knows_its_row_and_what_is_made_of_it_does_not() -> None:
    source = Source("a text", "row-7")
    assert (source, source.id) == ("a text", "row-7")
    assert pickle.loads(pickle.dumps(source)).id == "row-7"  # noqa: S301 - our own bytes
    assert not hasattr(source.upper(), "id")


def test_further_references_join_the_first() -> None:
    columns = {"text": ["q"], "references": ["one"], "reference2": ["two"], "reference3": [" "], "topic": ["x"]}
    found, problems = TextGeneration.conform(Rows(columns, "a.csv"))
    assert problems == []
    assert found == {"text": ["q"], "references": [["one", "two"]], "topic": ["x"]}


def test_texts_are_cut_into_sentences_lines_and_words() -> None:
    assert pieces("One. Two!\nThree? 4.5 is.", "sentences") == ["One.", "Two!", "Three?", "4.5 is."]
    assert pieces("他来了。她走了。", "sentences") == ["他来了。", "她走了。"]
    assert pieces(" a  b\nc", "words") == ["a", "b", "c"]
    assert pieces("a\nb", "text") == ["a\nb"]


def test_the_lead_is_as_long_as_the_references_of_training_rows() -> None:
    text = "First one. Second one. Third one. Fourth one."
    train = [(text, "About this. And that."), (text, "No more here. So be it.")]
    assert answers("lead", train, [text]) == ["First one. Second one."]
    assert answers("lead", [], [text]) == ["First one. Second one. Third one."]
    assert answers("lead", train, [text], unit="words", count=3) == ["First one. Second"]
    assert answers("lead", train, [text], unit="text") == [text]


def test_the_nearest_text_lends_its_answer() -> None:
    train = [("how tall is the tower", "300 m"), ("who wrote the letter", "Ann"), ("who wrote the letter", "Bo")]
    assert answers("nearest-answer", train, ["the tall tower", "who wrote", "zzz"]) == ["300 m", "Ann", "300 m"]
    with pytest.raises(CellFailed, match="needs training rows"):
        answers("nearest-answer", [], ["x"])


def test_lines_of_several_files_are_rows(tmp_path: Path) -> None:
    (tmp_path / "val.en.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
    (tmp_path / "val.de.gz").write_bytes("eins\r\nzwölf".encode())
    (tmp_path / "val.de.gz").write_bytes(gzip.compress("eins\r\nzwölf".encode()))
    wanted = Wanted(("text", "references"), columns={"text": "en", "references": "de"})
    rows = read_lines(tmp_path / "val.*.gz", wanted)
    assert rows.columns == {"text": ["one", "two"], "references": ["eins", "zwölf"]}
    assert rows.place(1).line == 2
    (tmp_path / "val.de.gz").write_bytes(gzip.compress(b"eins\n"))
    with pytest.raises(InputError, match=r"val\.de\.gz: 1 lines, but val\.en\.gz has 2"):
        read_lines(tmp_path / "val.*.gz", wanted)
    with pytest.raises(InputError, match=r"val\.fr\.gz: no such file"):
        read_lines(tmp_path / "val.*.gz", Wanted(("text", "references"), columns={"text": "en", "references": "fr"}))
    with pytest.raises(InputError, match="one text a line cannot be text and references"):
        read_lines(tmp_path / "val.en.gz", wanted)


class TestOutputs:
    def given(self, folder: Path, content: str, name: str = "out.txt", **more: Any) -> Any:
        (folder / name).write_text(content)
        owner = load("outputs", base=folder, files={"t": {"file": name, **more}})
        return owner.fit(examples([]), seed=0)

    def test_rows_without_ids_meet_by_their_number(self, tmp_path: Path) -> None:
        given = self.given(tmp_path, "first\nsecond\n", format="lines")
        assert given.predict([Source("b", "test-1"), Source("a", "test-0")])[:, 0].tolist() == ["second", "first"]
        with pytest.raises(CellFailed, match=r"no answer to the row 'test-2' \(the file has 2: test-0, test-1"):
            given.predict([Source("c", "test-2")])

    def test_rows_with_ids_meet_by_them_and_objects_have_a_key(self, tmp_path: Path) -> None:
        rows = [{"id": name, "big": {"solution": f"of {name}", "right": True}} for name in "xy"]
        content = "\n".join(map(json.dumps, rows))
        given = self.given(tmp_path, content, "out.jsonl", columns={"output": "big"}, key="solution")
        assert given.predict([Source("q", "y")])[:, 0].tolist() == ["of y"]
        with pytest.raises(CellFailed, match=r"out\.jsonl:1: the output is no text but dict \(`key` must be one of"):
            self.given(tmp_path, content, "out.jsonl", columns={"output": "big"})
        with pytest.raises(CellFailed, match=r"out\.jsonl:3: a second output for the row 'x'"):
            self.given(
                tmp_path, f"{content}\n{json.dumps(rows[0])}", "out.jsonl", columns={"output": "big"}, key="solution"
            )

    def test_a_changed_text_has_no_stored_answer(self, tmp_path: Path) -> None:
        given = self.given(tmp_path, "first\n", format="lines")
        given.predict([Source("a", "test-0")])
        for changed in (Source("A", "test-0"), "a"):
            with pytest.raises(CellFailed, match="there is none to a changed text"):
                given.predict([changed])

    def test_what_is_missing_is_said_before_anything_is_computed(self, tmp_path: Path) -> None:
        owner = LOADERS["outputs"]

        def model(settings: dict[str, Any]) -> Model:
            spec = ModelFile(name="bart", loader="outputs")
            return Model(spec, owner.Settings.model_validate(settings), tmp_path, Place("here"))

        assert owner.check(model({})) == [
            "`settings: {files: {TASK: {file: ...}}}` must name the file with the answers"
        ]
        assert owner.check(model({"files": {"t": {"file": "no.txt"}}})) == ["no such file: no.txt"]
        (tmp_path / "out.txt").write_text("x\n")
        found = [owner.identity(model({"files": {"t": {"file": "out.txt"}}})).weights_sha256]
        (tmp_path / "out.txt").write_text("y\n")
        found.append(owner.identity(model({"files": {"t": {"file": "out.txt"}}})).weights_sha256)
        assert found[0] != found[1]
        with pytest.raises(CellFailed, match=r"bart has no file with answers to other \(it has t\)"):
            owner.load(model({"files": {"t": {"file": "out.txt"}}})).fit(examples([], "other"), seed=0)


@pytest.fixture
def causal(tmp_path: Path) -> LanguageModel:
    """A tiny random GPT-2 that reads words, with an end token."""
    special = ["<pad>", "<unk>", "<s>", "</s>"]
    vocabulary = {word: i for i, word in enumerate([*special, *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(tmp_path / "lm")
    torch.manual_seed(3)
    config = GPT2Config(
        vocab_size=len(vocabulary), n_embd=16, n_layer=2, n_head=2, n_positions=24, initializer_range=0.8,
        bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "lm")
    found = load("language-model", tmp_path / "lm")
    assert isinstance(found, LanguageModel) and found.ends == {3}
    return found


def by_hand(model: LanguageModel, prompt: str, most: int) -> str:
    """Greedy, one text at a time, without a cache."""
    ids = [*model.prefix, *model.encode([prompt])[0]]
    start = len(ids)
    while len(ids) < start + most:
        with torch.no_grad():
            token = int(model.network(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
        if token in model.ends:
            break
        ids.append(token)
    assert model.decode is not None
    return model.decode(ids[start:])


PROMPTS = ["the cat", "a dog sat on a mat .", "ran", "the", "the cat sat on the dog and a mat ran", "? ?"]


def test_answers_are_those_of_one_text_at_a_time_whatever_the_batch(
    causal: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Generator(causal, "{text}", 8, (), False, "cpu")
    together = writer.predict(PROMPTS)
    assert together.shape == (len(PROMPTS), 1)
    expected = [by_hand(causal, prompt, 8) for prompt in PROMPTS]
    assert together[:, 0].tolist() == expected
    assert len({text for text in expected if text}) > 2, "the model says different things"
    monkeypatch.setattr(generate, "BATCH_TOKENS", 1)
    assert writer.predict(PROMPTS[::-1])[::-1].tolist() == together.tolist()
    assert writer.predict(PROMPTS[2:4]).tolist() == together[2:4].tolist()


def test_an_answer_ends_before_a_stop_and_after_its_tokens(causal: LanguageModel) -> None:
    whole = Generator(causal, "{text}", 8, (), False, "cpu").predict(PROMPTS)[:, 0].tolist()
    longest = max(whole, key=lambda text: len(text.split()))
    word = longest.split()[2]
    stopped = Generator(causal, "{text}", 8, [word], False, "cpu").predict(PROMPTS)[:, 0].tolist()
    assert stopped == [text[: text.find(word)].strip() if word in text else text for text in whole]
    assert stopped != whole
    short = Generator(causal, "{text}", 2, (), False, "cpu").predict(PROMPTS)[:, 0].tolist()
    assert short == [" ".join(text.split()[:2]) for text in whole]


def test_the_prompt_is_put_around_the_text(causal: LanguageModel) -> None:
    asked = Generator(causal, "the {text} ran", 4, (), False, "cpu").predict(["cat"])
    assert asked.tolist() == Generator(causal, "{text}", 4, (), False, "cpu").predict(["the cat ran"]).tolist()


def test_what_is_too_long_fails_or_loses_its_end(causal: LanguageModel) -> None:
    text = " ".join(["the cat sat"] * 10)
    with pytest.raises(CellFailed, match=r"a prompt has 32 tokens, the model has room for 16 and 8 new ones"):
        Generator(causal, "{text} ?", 8, (), False, "cpu").predict([text])
    cut = Generator(causal, "{text} ?", 8, (), True, "cpu")
    assert cut.predict([text, "the cat"]).shape == (2, 1)
    assert cut.notes == {"decoding": "greedy", "texts_cut": 1}
    with pytest.raises(CellFailed, match="max_new_tokens is 24, but the model takes 24 in all"):
        Generator(causal, "{text}", 24, (), False, "cpu")


def test_time_is_looked_at_before_every_batch(causal: LanguageModel) -> None:
    def late() -> None:
        raise CellFailed("out of time")

    with pytest.raises(CellFailed, match="out of time"):
        Generator(causal, "{text}", 2, (), False, "cpu", late).predict(["the"])


def test_zero_shot_writes_with_the_options_of_the_task(causal: LanguageModel) -> None:
    data = examples([("a", "b")], prompt="a {text}", max_new_tokens=3)
    fitted = ZeroShot.fit(causal, data, ZeroShot.Settings(), CONTEXT)
    assert fitted.predictor.predict(["dog"])[0, 0] == by_hand(causal, "a dog", 3)
    assert (fitted.trainable_parameters, fitted.notes["decoding"]) == (0, "greedy")
    assert fitted.parameters == sum(p.numel() for p in causal.network.parameters())


def test_a_masked_model_does_not_write(tmp_path: Path, causal: LanguageModel) -> None:
    masked = LanguageModel(BertForMaskedLM(BertConfig(vocab_size=9, hidden_size=8, num_attention_heads=2,
                                                      num_hidden_layers=1, intermediate_size=8)),
                           causal.encode, [], [], 4, 0, 20)  # fmt: skip
    with pytest.raises(CellFailed, match="a masked language model does not write texts"):
        ZeroShot.fit(masked, examples([]), ZeroShot.Settings(), CONTEXT)


@pytest.mark.skipif(not STORIES.is_dir(), reason="no stories260K beside the public data")
def test_a_real_model_tells_the_story_that_llama2c_tells() -> None:
    model = load("llama2c", STORIES)
    writer = Generator(model, "{text}", 24, (), False, "cpu")
    found = writer.predict(["Once upon a time", "Lily and Tom", "The dog", "Once upon a time"])[:, 0].tolist()
    assert found[0].startswith(", there was a little girl named")
    assert found[0] == found[3]
    for prompt, text in zip(["Once upon a time", "Lily and Tom", "The dog"], found, strict=False):
        ids = [*model.prefix, *model.encode([prompt])[0]]
        for _ in range(24):
            with torch.no_grad():
                ids.append(int(model.network(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        assert model.decode is not None
        assert model.decode(ids[1:])[len(prompt) :].strip() == text


SUITE = """\
suite: answers
models:
  - copy-source
  - lead
  - nearest-answer
  - {{name: stored, loader: outputs, settings: {{files: {{capitals: {{file: out.txt, format: lines}}}}}}}}
  - {{name: tiny, loader: language-model, weights: {{folder: {folder}}}}}
tasks:
  - name: capitals
    kind: text-generation
    data: {{files: {{train: train.csv, validation: train.csv, test: test.csv}}}}
    options: {{max_new_tokens: 4}}
    metrics: [exact_match, bleu, chrf, ter, rougel]
    slices: [where]
adaptations: {{fit: {{}}, zero-shot: {{}}}}
measure: {{robustness: {{uppercase: {{severity: [1]}}}}, slices: true, calibration: true}}
"""


def command(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert (left.value.code or 0) == code, err
    return out


@pytest.mark.usefixtures("causal")
def test_from_file_to_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(f"the mat of dog {i} sat", f"a mat ran {i % 4}", f"place {i % 2}") for i in range(12)]
    text = "text,references,where\n" + "".join(",".join(row) + "\n" for row in rows)
    (tmp_path / "train.csv").write_text(text)
    (tmp_path / "test.csv").write_text(text)
    (tmp_path / "out.txt").write_text("".join(f"{row[1] if i else 'no'}\n" for i, row in enumerate(rows)))
    path = tmp_path / "answers.yaml"
    path.write_text(SUITE.format(folder=tmp_path / "lm"))
    command(capsys, "check", path)
    out = command(capsys, "run", path, "--out", tmp_path, "--json", code=1)
    results = {result["model"]: result for result in json.loads(out)}
    assert {name for name, result in results.items() if result["status"] != "ok"} == {"stored"}
    assert "there is none to a changed text" in results["stored"]["error"]["message"], (
        "robustness asks for changed ones"
    )
    found = {name: {m["metric"]: m for m in result["measurements"][:5]} for name, result in results.items()}
    assert found["nearest-answer"]["exact_match"]["value"] == 1
    assert found["copy-source"]["exact_match"]["value"] == 0
    assert found["nearest-answer"]["exact_match"]["interval"] == "wilson"
    assert 0 < found["copy-source"]["chrf"]["low"] <= found["copy-source"]["chrf"]["value"] < 1
    assert results["tiny"]["settings"]["fit"]["decoding"] == "greedy"
    assert {m["slice"] for m in results["lead"]["measurements"]} >= {"where=place 0", "where=place 1", "length=short"}
    drops = [m for m in results["nearest-answer"]["measurements"] if m["perturbation"] == "uppercase"]
    assert drops

    stored = Store(tmp_path / "answers").predictions("capitals/lead/fit/seed-0")
    assert stored is not None
    assert stored["gold"].to_pylist()[0] == ["a mat ran 0"]
    before = results["lead"]["measurements"]
    command(capsys, "score", tmp_path / "answers")
    again = Store(tmp_path / "answers").result("capitals/lead/fit/seed-0")
    assert again is not None
    assert {(m.metric, m.slice, m.value) for m in again.measurements} == {
        (m["metric"], m["slice"], m["value"]) for m in before
    }
    assert "nearest-answer" in (tmp_path / "answers" / "leaderboard.html").read_text()

    path.write_text(SUITE.format(folder=tmp_path / "lm").replace("robustness: {uppercase: {severity: [1]}}, ", ""))
    out = command(capsys, "run", path, "--out", tmp_path, "--json", "--models", "stored")
    assert json.loads(out)[0]["measurements"][0]["value"] == pytest.approx(11 / 12)


def test_a_split_may_name_its_columns_otherwise(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,summary\na,b\n")
    (tmp_path / "test.csv").write_text("text,summary1\na,b\n")
    task = (
        "suite: s\nmodels: [lead]\nadaptations: {fit: {}}\ntasks:\n  - name: t\n    kind: text-generation\n"
        "    data:\n      files: {train: train.csv, validation: train.csv, test: test.csv}\n"
        "      columns: {references: summary1}\n"
        "      split_columns: {train: {%s: summary}, validation: {%s: summary}}\n"
    )
    (tmp_path / "s.yaml").write_text(task % ("references", "references"))
    assert load_dataset(load_suite(tmp_path / "s.yaml").tasks[0]).rows == {"train": 1, "validation": 1, "test": 1}
    (tmp_path / "s.yaml").write_text(task % ("reference", "references"))
    with pytest.raises(
        InputError, match=r"split_columns: this task has no field 'reference' .*did you mean 'references'"
    ):
        load_dataset(load_suite(tmp_path / "s.yaml").tasks[0])


def test_rows_may_be_test_rows_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test.csv").write_text("text,references\na,b\nc,d\n")
    (tmp_path / "s.yaml").write_text(
        "suite: s\nmodels: [lead]\nadaptations: {fit: {}}\n"
        "tasks: [{name: t, kind: text-generation, data: {files: {test: test.csv}}}]\n"
    )
    (task,) = load_suite(tmp_path / "s.yaml").tasks
    data = load_dataset(task)
    assert data.rows == {"train": 0, "validation": 0, "test": 2}
    assert "no training rows" in data.notes
    found = audit(task, data)
    assert (set(found.lengths), found.leaks) == ({"test"}, {"validation": 0, "test": 0})
    assert "lengths      test: 1 to 1" in command(capsys, "audit", tmp_path / "s.yaml")
