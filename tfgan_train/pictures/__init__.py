"""Arrays in, pictures out: grids, animations, nearest images, the game, files of many images."""
