"""fmbench check: everything that can be wrong, before anything is computed."""

from __future__ import annotations

from fmbench.cli.options import Overrides, SuiteArgument, console


def check(suite: SuiteArgument, overrides: Overrides = None) -> None:
    """Find everything that is wrong with a suite file, at once, without computing."""
    from fmbench.cli.tables import plan_table
    from fmbench.run.check import check_suite
    from fmbench.suite.loader import load_suite
    from fmbench.suite.plan import plan

    loaded = load_suite(suite, overrides or ())
    datasets = check_suite(loaded)
    cells = plan(loaded)
    out = console()
    out.print(plan_table(loaded, cells, datasets))
    for name, data in datasets.items():
        for note in data.notes:
            if note.startswith("warning: "):
                out.print(f"{name}: {note}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"{suite}: good; {len(cells)} cells", markup=False, highlight=False)
