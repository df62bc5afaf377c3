"""Programs that use the exported files as a stranger's app would."""
