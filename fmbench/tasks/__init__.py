"""Task kinds, one file each: fields, label space, targets, decoding, default metrics.

A kind turns rows into numbers for a model and a model's numbers into predictions; it knows no model and no metric.
"""
