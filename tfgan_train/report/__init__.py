"""What a person looks at: grids, animations, curves, the run's page; no networks here."""
