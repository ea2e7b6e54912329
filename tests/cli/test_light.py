"""What only looks at names and files never pays for the heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fmbench.cli.listing import What

ROOT = Path(__file__).parents[2]
HEAVY = ["torch", "transformers", "datasets", "sklearn", "lm_eval", "peft"]
SCRIPT = """\
import contextlib, io, json, sys
from fmbench.cli import main
found = []
for arguments in json.loads(sys.argv[1]):
    out, code = io.StringIO(), 0
    with contextlib.redirect_stdout(out):
        try:
            main(arguments)
        except SystemExit as left:
            code = left.code
    heavy = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
    found.append({"code": code, "out": out.getvalue(), "heavy": heavy})
sys.stdout.write(json.dumps(found))
"""
COMMANDS = [
    ["--help"],
    ["--version"],
    ["run", "--help"],
    *(["list", what.value] for what in What),
    *(["list", what.value, "--json"] for what in What),
    ["check", "suites/nlp-core.yaml"],
]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, object]]:
    """Every command in turn, in one fresh interpreter: what was printed, and the heavy modules that were there then."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(COMMANDS), json.dumps(HEAVY)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return {" ".join(command): outcome for command, outcome in zip(COMMANDS, json.loads(done.stdout), strict=True)}


@pytest.mark.parametrize("command", [" ".join(command) for command in COMMANDS])
def test_it_works_without_heavy_imports(outcomes: dict[str, dict[str, object]], command: str) -> None:
    outcome = outcomes[command]
    assert outcome["code"] == 0
    assert outcome["out"]
    assert outcome["heavy"] == []


def test_importing_the_package_imports_next_to_nothing() -> None:
    script = "import sys, fmbench, json; sys.stdout.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert not {"numpy", "pyarrow", "pydantic", "typer", *HEAVY} & set(json.loads(done.stdout))
