"""Rows for tasks: sources (files, hub, corpora), splits, fingerprints.

A source yields rows with the place they came from; the task kind makes them conform; a Dataset holds them as Arrow.
"""
