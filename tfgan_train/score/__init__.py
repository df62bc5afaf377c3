"""What `evaluate` does: from a run or files to a table of figures."""
