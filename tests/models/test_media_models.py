"""What networks on images and recordings keep: one example alone is what it is in a batch, and nothing is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from media.samples import media_table

from fmbench.engine.context import FitContext
from fmbench.engine.devices import CPU
from fmbench.engine.stacks import StackEntropy, StackPredictor, stack_scores
from fmbench.models.classical.pixels import FittedOnArrays, PixelKNN, evenly_lit, pixels
from fmbench.models.conv import AudioCNN, ImageCNN, ImageTextNet, stack_of_images
from fmbench.models.nets.conv import ConvTrunk, _moved
from fmbench.registry import ADAPTATIONS, KINDS
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import IGNORED
from fmbench.tasks.media import ImageOptions, SoundOptions

LOADERS = {
    "image-classification": (ImageCNN, ImageOptions(size=12)),
    "audio-classification": (AudioCNN, SoundOptions(sample_rate=8000)),
    "image-text-classification": (ImageTextNet, ImageOptions(size=12)),
}


def examples(kind: str, n: int = 10) -> Examples:
    table, labels = media_table(kind, n)
    return Examples(KINDS[kind], labels, table, table.slice(0, 4), options=LOADERS[kind][1])


@pytest.mark.parametrize("kind", LOADERS)
def test_an_example_alone_gives_what_it_gives_in_a_batch(kind: str) -> None:
    loader, data = LOADERS[kind][0], examples(kind)
    torch.manual_seed(0)
    untrained = loader(loader.Settings(widths=[8, 16])).build_for(data)
    predictor = StackPredictor(untrained.network, untrained.prepare, "cpu")
    inputs = data.inputs(data.train)
    together = predictor.predict(inputs)
    alone = np.concatenate([predictor.predict(inputs[i : i + 1]) for i in range(len(inputs))])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert together.shape == (10, 2)


def test_a_stack_is_computed_in_parts_that_fit() -> None:
    data = examples("image-classification")
    untrained = ImageCNN(ImageCNN.Settings(widths=[8])).build_for(data)
    stack = untrained.prepare(list(data.inputs(data.train)))
    assert stack.cost == 12 * 12 // 64
    small = CPU.__class__("cpu", torch.device("cpu"), stack.cost * 3, 8192)
    np.testing.assert_allclose(
        stack_scores(untrained.network, stack, small), stack_scores(untrained.network, stack, CPU), atol=1e-6
    )


def test_targets_that_are_ignored_do_not_count() -> None:
    data = examples("image-classification")
    untrained = ImageCNN(ImageCNN.Settings(widths=[8], dropout=0.0)).build_for(data)
    stack, targets = untrained.prepare(list(data.inputs(data.train))), data.targets(data.train)
    whole = StackEntropy(stack, targets)
    part = StackEntropy(stack, np.where(np.arange(10) < 4, targets, IGNORED))
    everything, first = np.arange(10), np.arange(4)
    assert part.weight(everything) == 4
    with torch.no_grad():
        found, wanted = (one.loss(untrained.network, rows, CPU) for one, rows in ((part, everything), (whole, first)))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("kind", LOADERS)
def test_the_same_seed_gives_the_same_bits_and_another_one_others(kind: str) -> None:
    loader, data = LOADERS[kind][0], examples(kind)
    model = loader(loader.Settings(widths=[8], epochs=2))

    def run(seed: int) -> np.ndarray:
        fitted = ADAPTATIONS["fit"].fit(model, data, None, FitContext(seed, "cpu", lambda scores: 0.5))
        return fitted.predictor.predict(data.inputs(data.train))

    np.testing.assert_array_equal(run(3), run(3))
    assert not np.array_equal(run(3), run(4))


def test_training_stops_when_the_validation_rows_no_longer_gain() -> None:
    data = examples("image-classification")
    model = ImageCNN(ImageCNN.Settings(widths=[8], epochs=20, patience=2))
    ahead = iter([0.1, 0.9, 0.5, 0.5, 0.5])
    fitted = ADAPTATIONS["fit"].fit(model, data, None, FitContext(0, "cpu", lambda scores: next(ahead)))
    assert fitted.curves["validation"] == [0.1, 0.9, 0.5, 0.5]
    assert fitted.notes["best_epoch"] == 2


def test_moved_images_are_the_same_image_at_another_place() -> None:
    torch.manual_seed(0)
    images = torch.zeros(40, 1, 7, 7)
    images[:, :, 3, 3] = 1
    moved = _moved(images, 2, False)
    assert moved.shape == images.shape
    assert (moved.sum(dim=(1, 2, 3)) == 1).all()
    places = {tuple(one.nonzero()[0].tolist()[1:]) for one in moved}
    assert len(places) > 10
    assert all(1 <= row <= 5 and 1 <= column <= 5 for row, column in places)
    ramp = torch.arange(5.0).expand(40, 1, 5, 5)
    flipped = _moved(ramp, 0, True)
    assert {tuple(one[0, 0].tolist()) for one in flipped} == {(0, 1, 2, 3, 4), (4, 3, 2, 1, 0)}


def test_only_training_moves_images() -> None:
    trunk = ConvTrunk(torch.zeros(1, 1, 1), torch.ones(1, 1, 1), (8,), shift=3, flip=True)
    images = torch.rand(4, 1, 9, 9)
    torch.testing.assert_close(trunk.eval()(images), trunk(images))
    assert not torch.equal(trunk.train()(images), trunk.eval()(images))


def test_pixels_and_even_light() -> None:
    image = np.array([[[0], [51]], [[102], [255]]], np.uint8)
    assert pixels([image]) == pytest.approx(np.array([[0, 0.2, 0.4, 1]]))
    darker = (image // 3).astype(np.uint8)
    assert evenly_lit([image]) == pytest.approx(evenly_lit([darker]), abs=1e-4)
    lit = np.concatenate([image, image, image], axis=2)
    warm = (lit // [1, 3, 51]).astype(np.uint8)
    assert evenly_lit([lit], by_channel=True) == pytest.approx(evenly_lit([warm], by_channel=True), abs=1e-3)
    assert np.abs(evenly_lit([lit]) - evenly_lit([warm])).max() > 0.5
    assert stack_of_images([image, image]).array.shape == (2, 1, 2, 2)


def test_a_class_without_training_rows_gets_nothing(tmp_path: Path) -> None:
    table, _ = media_table("image-classification", 6)
    data = Examples(KINDS["image-classification"], ("blue", "green", "red"), table, table, options=ImageOptions(size=4))
    fitted = PixelKNN(PixelKNN.Settings(k=50)).fit(data, 0)
    assert isinstance(fitted, FittedOnArrays)
    scores = fitted.predict(data.inputs(table))
    assert (scores[:, 1] == 0).all()
    assert scores.sum(axis=1) == pytest.approx(np.ones(6))
