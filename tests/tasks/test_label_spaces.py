"""Label spaces: their order, labels outside of them, and train splits that do not fit them."""

from __future__ import annotations

from test_kinds import SAMPLES, conformed, every_kind, every_kind_of_classes, one_hot

from fmbench.tasks.kind import IGNORED


@every_kind_of_classes
def test_the_order_of_the_label_space_is_the_order_of_the_outputs(name: str) -> None:
    kind, table = conformed(name)
    labels = SAMPLES[name].labels[::-1]
    targets = kind.targets(table, labels)
    prediction, _ = kind.decode(one_hot(targets, len(kind.outputs(labels))), table, labels)
    assert prediction.to_pylist() == table[kind.label_field].to_pylist()
    assert (targets != kind.targets(table, SAMPLES[name].labels)).any()


@every_kind_of_classes
def test_labels_outside_of_the_label_space_are_ignored(name: str) -> None:
    kind, table = conformed(name)
    targets = kind.targets(table, SAMPLES[name].fewer)
    assert (targets == IGNORED).tolist() == SAMPLES[name].ignored
    assert targets.max() < len(kind.outputs(SAMPLES[name].fewer))
    assert kind.targets(table.slice(0, 0), SAMPLES[name].labels).shape == (0,)


@every_kind
def test_rows_from_which_nothing_can_be_learned(name: str) -> None:
    kind, table = conformed(name)
    sample = SAMPLES[name]
    assert kind.degenerate(table.to_pydict(), sample.labels) is None
    if not sample.nothing_to_learn:
        return
    reason = kind.degenerate(sample.nothing_to_learn, sample.labels)
    assert reason and "nothing to learn" in reason


@every_kind_of_classes
def test_labels_of_train_must_be_declared(name: str) -> None:
    kind, table = conformed(name)
    sample = SAMPLES[name]
    undeclared = kind.degenerate(table.to_pydict(), sample.fewer)
    (missing,) = set(sample.labels) - set(sample.fewer)
    assert undeclared and undeclared.endswith(f"not declared: {missing}")
