"""Loaders of models: baselines, networks trained from scratch, pretrained encoders.

A loader's class is light (names, settings, checks); torch and transformers are imported only when it loads.
"""
