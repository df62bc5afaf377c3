"""What Python callers hold: the run as an object, and how a notebook shows it."""
