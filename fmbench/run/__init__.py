"""Executes a plan: checks it, computes cells, stores results, shows progress."""
