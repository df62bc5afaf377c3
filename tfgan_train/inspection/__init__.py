"""What a data set holds, said before a training: counts, damage, duplicates, and the command to train with."""
