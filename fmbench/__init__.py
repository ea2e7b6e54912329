"""fmbench: benchmark and evaluation suite for foundation models.

Importing this package is cheap: nothing heavy (torch, transformers, datasets) is imported before it is used.
"""

__version__ = "0.1.0"
