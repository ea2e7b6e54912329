"""Seeded programs that make the rows of tasks and know the best score on them; the registry GENERATORS names them."""
