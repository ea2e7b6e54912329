"""Speed beside real peers, in one run, interleaved. `make bench`, or `python -m benchmarks.report` for the table."""
