"""Scores of generated texts beside their references: BLEU, chrF, TER, ROUGE, exact and numeric answers, toxicity.

Each is a function of sums over items, so that the bootstrap of every other metric serves them too.
"""
