"""Perturbations: label-aware corruptions of one example, pure and seeded by the example's own id.

`examples` says what an example is, `perturbation` what a perturbation is and how it is drawn; the other files hold the
perturbations of each sort of input, and `data/` their word lists (our own, CC0).
"""
