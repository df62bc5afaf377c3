"""The one exception that means "the user can fix this"; knows nothing else."""


class UserError(Exception):
    """A mistake in a flag, a file or the environment, told in one plain line.

    The message names the flag or file at fault and what would be legal. The binaries
    print it without a traceback and exit with status 2.
    """
