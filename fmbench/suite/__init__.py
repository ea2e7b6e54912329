"""What a suite file says: YAML with places, typed schema, names resolved through the registries, and the plan.

Nothing here computes, and nothing here imports torch, transformers or datasets.
"""
