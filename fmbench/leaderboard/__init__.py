"""Results -> board (pure) -> page. A board is a pivot of results; a page is one file that needs nothing else."""
