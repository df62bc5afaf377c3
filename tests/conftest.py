"""What all tests start from."""
import signal

# A shell that starts pytest in the background lets it ignore Ctrl-C, and so would every process that
# the tests start and interrupt: a program is handed what is ignored, and nothing else, from the one before.
signal.signal(signal.SIGINT, signal.default_int_handler)
