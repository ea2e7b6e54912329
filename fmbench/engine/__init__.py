"""The hot loops: tokens, batches, training, prediction, devices. Knows models as modules, and tasks as targets."""
