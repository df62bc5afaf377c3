"""A search for better settings by successive halving: the space, the plan, the trainings, the page."""
