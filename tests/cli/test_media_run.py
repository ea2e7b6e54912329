"""A folder of one's own images and one of recordings, from check to the results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from media.samples import image_folder, tiny_vit, tiny_whisper, wav_folder

from fmbench.cli import main

IMAGES = """\
suite: shots
models:
  [majority, pixel-logreg, pixel-knn, ./net, {name: image-cnn, loader: image-cnn, settings: {widths: [8], epochs: 2}}]
tasks:
  - name: shots
    kind: image-classification
    data: {files: {train: rows}, format: image-folder}
adaptations: {fit: {}, probe: {}, knn: {}}
measure: {efficiency: {examples: 4, repeats: 2, latency_samples: 2, latency_seconds: 0, energy_seconds: 0.1}}
"""
SOUNDS = (
    IMAGES.replace("image-", "wav-")
    .replace("kind: wav-", "kind: audio-")
    .replace("pixel-logreg, pixel-knn", "spectrogram-logreg")
    .replace("wav-cnn", "audio-cnn")
)


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


@pytest.mark.parametrize(
    ("text", "rows", "net", "best"),
    [(IMAGES, image_folder, tiny_vit, "pixel-logreg"), (SOUNDS, wav_folder, tiny_whisper, "spectrogram-logreg")],
    ids=["images", "recordings"],
)
def test_a_folder_of_ones_own(
    text: str, rows: Any, net: Any, best: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows(tmp_path / "rows")
    net(tmp_path / "net")
    capsys.readouterr()
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    code, out, err = command(capsys, "check", path)
    assert (code, err) == (0, "")
    n = 6 if best == "pixel-logreg" else 5
    assert f"good; {n} cells" in out
    code, out, err = command(capsys, "run", path, "--out", tmp_path / "r", "--json")
    assert code == 0, err
    results = json.loads(out)
    assert len(results) == n
    assert all(result["status"] == "ok" for result in results)
    scores = {
        (result["model"], result["adaptation"]): next(
            m["value"] for m in result["measurements"] if m["metric"] == "accuracy"
        )
        for result in results
    }
    assert scores["majority", "fit"] <= 0.6 < scores[best, "fit"] == 1.0
    assert {("./net", "probe"), ("./net", "knn")} < set(scores)
    code, out, _ = command(capsys, "run", path, "--out", tmp_path / "r")
    assert f"0 cells computed, {n} taken from earlier runs, 0 failed" in out


def test_corrupt_files_give_exit_code_two_and_every_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = image_folder(tmp_path / "rows", 3)
    for name in ("red/00.png", "blue/02.png"):
        (root / name).write_bytes((root / name).read_bytes()[:100])
    path = tmp_path / "suite.yaml"
    path.write_text(IMAGES.replace("./net, ", ""))
    for verb in (("check", path), ("run", path, "--out", tmp_path / "r")):
        code, out, err = command(capsys, *verb)
        assert (code, out) == (2, "")
        assert [line.split(": the image cannot be read")[0] for line in err.splitlines()] == [
            f"{root}/blue/02.png",
            f"{root}/red/00.png",
        ]
    assert not (tmp_path / "r").exists()


def test_a_text_encoder_on_images_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image_folder(tmp_path / "rows", 3)
    path = tmp_path / "suite.yaml"
    path.write_text(IMAGES.replace("./net", "minilm-l6"))
    code, _, err = command(capsys, "check", path)
    assert code == 2
    assert "model 'minilm-l6' fits none of the adaptations (fit, probe, knn) on these tasks: it is for " in err
    assert "for image-classification there are majority, pixel-logreg, pixel-knn, image-cnn, image-encoder" in err
