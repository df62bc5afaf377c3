"""Training: the loop, the step, and what starts and watches them."""
