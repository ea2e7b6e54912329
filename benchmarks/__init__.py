"""Speed beside real peers, in one run, interleaved: `python -m benchmarks.report` prints the table.

bars.py is the one list of what is compared; pairs.py times; the other files do the work of one family of bars.
"""
