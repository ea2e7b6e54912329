"""Where a training step's time goes: `python -m benchmarks.profiling` prints torch's own table of operators.

Eight steps of full fine-tuning of MiniLM-L6 on SST-2, batch 32, fp32, all threads, after three steps of warm-up.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.sizes import BATCH
from benchmarks.workloads import examples, minilm
from fmbench.engine.classifier import Classifier
from fmbench.engine.devices import CPU
from fmbench.engine.embeddings import only_reached_rows
from fmbench.engine.objective import CrossEntropy
from fmbench.engine.tokenize import model_tokenizer
from fmbench.engine.train import Gradients
from fmbench.engine.trunks import trunk_of

WARM_UP, STEPS = 3, 8


def main() -> None:
    """Profile the steps and print the twenty operators that take longest."""
    data = examples("sst2", BATCH * (WARM_UP + STEPS), BATCH)
    model = minilm()
    sequences = model_tokenizer(model, "sequence")(data.inputs(data.train))
    classifier = Classifier(trunk_of(model.network, 0.1), len(data.outputs)).train()
    with only_reached_rows(model.network, sequences.ids):
        parameters = [p for p in classifier.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
        gradients = Gradients(classifier, CrossEntropy(sequences, data.targets(data.train)), CPU, "fp32")

        def step(number: int) -> None:
            optimizer.zero_grad(set_to_none=True)
            gradients(np.arange(number * BATCH, (number + 1) * BATCH))
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

        for number in range(WARM_UP):
            step(number)
        with profile(activities=[ProfilerActivity.CPU]) as found:
            for number in range(WARM_UP, WARM_UP + STEPS):
                step(number)
    table = found.key_averages().table(sort_by="self_cpu_time_total", row_limit=20, max_name_column_width=48)
    sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
