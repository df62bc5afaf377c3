"""Turns a trained run into files that other apps load, and proves that each draws the same pictures."""
