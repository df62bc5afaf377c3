"""Arrays in, pictures out: grids, animations, nearest images, the game."""
