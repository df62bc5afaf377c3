"""The pages that people read: a run's report and the comparison of several."""
