"""Baselines that fit themselves, without gradients."""
