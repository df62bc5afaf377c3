"""Watches a run's figures and says what goes wrong."""
