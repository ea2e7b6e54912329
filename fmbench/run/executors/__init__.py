"""How the cells of a run are computed: one after another in this process, or several at a time in a pool of workers.

Every executor follows the protocol in `executor.py`; results are written by the one process that runs the suite.
"""
