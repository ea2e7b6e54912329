"""The peer in fine-tuning: transformers' Trainer with dynamic padding."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fmbench.registry import KINDS


def fine_tune(folder: Path, rows: Any, labels: Sequence[str], dropout: float, epochs: int = 1) -> Any:
    """Fine-tune as the example scripts do; tokenisation included, as it is on our side. Returns the Trainer."""
    from datasets import Dataset, disable_progress_bars
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    disable_progress_bars()
    words = "tokens" in rows.column_names
    kind = KINDS["token-classification" if words else "text-classification"]
    outputs = kind.outputs(labels)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    loader = AutoModelForTokenClassification if words else AutoModelForSequenceClassification
    model = loader.from_pretrained(
        folder, num_labels=len(outputs), hidden_dropout_prob=dropout, attention_probs_dropout_prob=0.0
    )
    if words:
        data = Dataset.from_dict({"tokens": rows["tokens"].to_pylist(), "tags": rows["tags"].to_pylist()})
        data = data.map(lambda batch: _align(tokenizer, batch, outputs), batched=True, remove_columns=data.column_names)
        collator: Any = DataCollatorForTokenClassification(tokenizer)
    else:
        classes = kind.targets(rows, labels).tolist()
        data = Dataset.from_dict({"text": rows["text"].to_pylist(), "label": classes})
        data = data.map(lambda batch: tokenizer(batch["text"], truncation=True), batched=True, remove_columns=["text"])
        collator = DataCollatorWithPadding(tokenizer)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=epochs,
            per_device_train_batch_size=32,
            learning_rate=1e-4,
            warmup_ratio=0.1,
            weight_decay=0.01,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            logging_strategy="no",
            seed=0,
        )
        trainer = Trainer(model=model, args=arguments, train_dataset=data, data_collator=collator)
        trainer.train()
    return trainer


def _align(tokenizer: Any, batch: Any, outputs: Sequence[str]) -> Any:
    """Tags on the first subword of each word, -100 elsewhere, as in run_ner.py."""
    index = {tag: i for i, tag in enumerate(outputs)}
    encoded = tokenizer(batch["tokens"], is_split_into_words=True, truncation=True)
    encoded["labels"] = []
    for i, tags in enumerate(batch["tags"]):
        before, row = None, []
        for word in encoded.word_ids(i):
            row.append(index[tags[word]] if word is not None and word != before else -100)
            before = word
        encoded["labels"].append(row)
    return encoded
