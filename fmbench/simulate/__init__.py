"""Small worlds in which a model's answers have consequences: pure numpy, many scenarios at once.

Knows nothing of models, tasks or files.
"""
