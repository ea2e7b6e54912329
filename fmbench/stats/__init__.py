"""Pure statistics on arrays: intervals and resampling. Knows nothing of models, tasks or files."""
