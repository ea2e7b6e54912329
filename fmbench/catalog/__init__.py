"""What ships with fmbench, as data: tasks, models and corpora.

Names are file names, so listing them parses nothing. Packages add files through the entry-point groups
`fmbench.tasks` and `fmbench.models` (an entry resolves to the path of a YAML file).
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parent
CORPORA = ROOT / "corpora"


def files(what: str) -> dict[str, Path]:
    """Name -> YAML file of everything of one sort ("tasks" or "models"), sorted by name."""
    found = {path.stem: path for path in sorted((ROOT / what).glob("*.yaml"))}
    for point in entry_points(group=f"fmbench.{what}"):
        if point.name not in found:
            found[point.name] = Path(point.load())
    return found
