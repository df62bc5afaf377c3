"""Errors, files, images, the terminal: the standard library, numpy and Pillow only."""
