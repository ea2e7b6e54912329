"""Networks that are trained from scratch."""
