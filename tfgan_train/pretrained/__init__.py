"""Networks that were trained elsewhere, and their weights files, to make features with and to discriminate through."""
