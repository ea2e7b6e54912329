"""What several rooms' tests share: where public data lies, and a small suite that runs in a second."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before any client is imported: no test reaches for a hub by accident

import pytest

ROOT = Path(__file__).parent.parent


def data_folder() -> Path | None:
    """The public data sets: $FMBENCH_DATA, else ../shared/data beside the checkout."""
    named = os.environ.get("FMBENCH_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public data sets; skips the test where there is none."""
    folder = data_folder()
    if folder is None:
        pytest.skip("no public data: set FMBENCH_DATA")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests keep their cache to themselves."""
    monkeypatch.setenv("FMBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


TINY_TSV = "label\ttext\n" + "".join(
    f"{'good' if i % 2 else 'bad'}\t{'lovely bright' if i % 2 else 'awful dull'} thing number {i}\n" for i in range(40)
)


@pytest.fixture
def tiny_suite(tmp_path: Path) -> Path:
    """A suite file with one small text task, two baselines and two seeds."""
    (tmp_path / "tiny.tsv").write_text(TINY_TSV)
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "suite: tiny\n"
        "models: [majority, tfidf-logreg]\n"
        "tasks:\n"
        "  - name: tiny-task\n"
        "    kind: text-classification\n"
        "    data: {files: {train: tiny.tsv}}\n"
        "adaptations: {fit: {}}\n"
        "seeds: [0, 1]\n"
    )
    return path
