"""Networks that were trained elsewhere, and their weights files: for features and for discriminators that look through them."""
