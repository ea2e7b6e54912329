"""The peer in fine-tuning: transformers' Trainer with dynamic padding, doing the work that the engine does.

Equal on both sides: the rows of every batch (Trainer reads, in sequence, rows that lie in our order), the head and its
first weights, the learning rate of every step, AdamW with weight decay on matrices only, clipping at norm 1, dropout
on hidden states and none on attention. What differs is how the work is done, and the random numbers of dropout.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.pairs import Clock, Seconds
from benchmarks.sizes import BATCH
from benchmarks.workloads import batch_order, minilm, minilm_folder
from fmbench.adapt.finetune import Finetune
from fmbench.tasks.examples import Examples


@dataclass
class Peer:
    """A model that Trainer can train on the training rows of `data`; `learning_rate` and the rest are `settings`."""

    model: Any
    data: Examples
    settings: Finetune.Settings
    seed: int

    def fit(self) -> Seconds:
        """Tokenise and train; the seconds of the steps after the first."""
        from transformers import Trainer, TrainerCallback

        clock, warmup = Clock(), self.settings.warmup

        class Ends(TrainerCallback):
            def on_step_end(self, *args: Any, **kwargs: Any) -> None:
                clock.mark()

        class SameSchedule(Trainer):
            def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
                self.lr_scheduler = schedule(optimizer or self.optimizer, num_training_steps, warmup)
                return self.lr_scheduler

        with tempfile.TemporaryDirectory() as scratch:
            rows, collator = self.rows(self.tokenizer())
            trainer = SameSchedule(
                model=self.model,
                args=arguments(scratch, self.settings, self.seed),
                train_dataset=rows,
                data_collator=collator,
                callbacks=[Ends()],
            )
            trainer.train()
        return Seconds(steps=clock.steps)

    def tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(minilm_folder())

    def rows(self, tokenizer: Any) -> tuple[Any, Any]:
        """The tokenised rows of all epochs in our order, and the collator that pads a batch to its longest row."""
        from datasets import Dataset, disable_progress_bars
        from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding

        disable_progress_bars()
        table, labels = self.data.train, self.data.labels
        if self.data.kind.readout == "token":
            rows = Dataset.from_dict({"tokens": table["tokens"].to_pylist(), "tags": table["tags"].to_pylist()})
            align = _aligner(tokenizer, self.data.outputs)
            rows = rows.map(align, batched=True, remove_columns=rows.column_names)
            collator: Any = DataCollatorForTokenClassification(tokenizer)
        else:
            classes = self.data.kind.targets(table, labels).tolist()
            rows = Dataset.from_dict({"text": table["text"].to_pylist(), "label": classes})
            rows = rows.map(lambda part: tokenizer(part["text"], truncation=True), batched=True, remove_columns="text")
            collator = DataCollatorWithPadding(tokenizer)
        return rows.select(batch_order(len(rows), self.settings.epochs, self.seed)), collator

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Probabilities [n_targets, n_outputs] by padded batches; a word without subwords gets a row of zeros."""
        import torch

        words = self.data.kind.readout == "token"
        tokenizer = self.tokenizer()
        self.model.eval()
        found = []
        with torch.inference_mode():
            for start in range(0, len(inputs), BATCH):
                batch = list(inputs[start : start + BATCH])
                encoded = tokenizer(
                    batch, padding=True, truncation=True, return_tensors="pt", is_split_into_words=words
                )
                scores = self.model(**encoded).logits.softmax(-1).double().numpy()
                found.append(_first_subwords(scores, encoded, batch) if words else scores)
        return np.concatenate(found)


def peer(data: Examples, settings: Finetune.Settings, seed: int, frozen_layers: int = 0) -> Peer:
    """The network as transformers has it, with our head's first weights; the lower layers frozen on request."""
    model = _network(data, settings.dropout)
    _same_head(model, data, settings.dropout, seed)
    if frozen_layers:
        for module in (model.bert.embeddings, *model.bert.encoder.layer[:frozen_layers]):
            module.requires_grad_(False)
    return Peer(model, data, settings, seed)


def arguments(scratch: str, settings: Finetune.Settings, seed: int) -> Any:
    """One epoch for Trainer, as the rows of all epochs lie one after the other."""
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=scratch,
        num_train_epochs=1,
        per_device_train_batch_size=settings.batch_size,
        train_sampling_strategy="sequential",
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip_norm,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        bf16=settings.precision == "bf16",
        logging_strategy="no",
        seed=seed,
    )


def schedule(optimizer: Any, steps: int, warmup: float) -> Any:
    """The engine's own warm-up and decay, so that every step has the same learning rate on both sides."""
    from torch.optim.lr_scheduler import LambdaLR

    from fmbench.engine.train import linear_schedule

    return LambdaLR(optimizer, linear_schedule(steps, warmup))


def _network(data: Examples, dropout: float) -> Any:
    from transformers import AutoModelForTokenClassification
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": 0.0, "num_labels": len(data.outputs)}
    if data.kind.readout == "token":
        return AutoModelForTokenClassification.from_pretrained(minilm_folder(), **options)
    return _mean_pooled().from_pretrained(minilm_folder(), **options)


def _mean_pooled() -> Any:
    """AutoModelForSequenceClassification's class for BERT, reading the mean of the tokens instead of [CLS]."""
    import torch.nn.functional as F
    from transformers import BertForSequenceClassification
    from transformers.modeling_outputs import SequenceClassifierOutput

    class MeanPooledClassifier(BertForSequenceClassification):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.bert.pooler = None

        def forward(
            self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None, labels: Any = None
        ) -> SequenceClassifierOutput:
            hidden = self.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]
            real = attention_mask[..., None].to(hidden.dtype)
            logits = self.classifier(self.dropout((hidden * real).sum(1) / real.sum(1)))
            loss = None if labels is None else F.cross_entropy(logits, labels)
            return SequenceClassifierOutput(loss=loss, logits=logits)

    return MeanPooledClassifier


def _same_head(model: Any, data: Examples, dropout: float, seed: int) -> None:
    """Give `model` the weights that our classifier's head starts with for this seed."""
    import torch

    from fmbench.engine.classifier import Classifier
    from fmbench.engine.devices import seed_everything
    from fmbench.engine.trunks import trunk_of

    encoder = minilm()
    seed_everything(seed)
    trunk = trunk_of(encoder.network, dropout)
    head = Classifier(trunk, len(data.outputs), encoder.settings.pooling, dropout).head
    with torch.no_grad():
        model.classifier.weight.copy_(head.weight)
        model.classifier.bias.copy_(head.bias)


def _aligner(tokenizer: Any, outputs: Sequence[str]) -> Any:
    """Tags on the first subword of each word, -100 elsewhere, as in run_ner.py."""
    index = {tag: i for i, tag in enumerate(outputs)}

    def align(batch: Any) -> Any:
        encoded = tokenizer(batch["tokens"], is_split_into_words=True, truncation=True)
        encoded["labels"] = []
        for i, tags in enumerate(batch["tags"]):
            before, row = None, []
            for word in encoded.word_ids(i):
                row.append(index[tags[word]] if word is not None and word != before else -100)
                before = word
            encoded["labels"].append(row)
        return encoded

    return align


def _first_subwords(scores: np.ndarray, encoded: Any, batch: Sequence[Sequence[str]]) -> np.ndarray:
    """scores [n, length, n_outputs] -> rows of the first subword of every word [n_words, n_outputs]."""
    found = []
    for i, words in enumerate(batch):
        rows = np.zeros((len(words), scores.shape[-1]))
        for position, word in reversed(list(enumerate(encoded.word_ids(i)))):
            if word is not None:
                rows[word] = scores[i, position]
        found.append(rows)
    return np.concatenate(found)
