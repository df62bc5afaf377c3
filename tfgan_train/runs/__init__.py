"""A run directory: its settings, checkpoints, rows and events, and the run that commands open."""
