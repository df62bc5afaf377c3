"""What papers have equations for: losses, penalties, augmentations, optimisers, schedules."""
