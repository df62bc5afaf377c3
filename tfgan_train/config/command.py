"""What the command lines share: flags from fields, plain errors, short help. Alone touches flags.

Each binary has a FlagValues of its own, so importing one changes nothing for another.
"""

import contextlib
import io
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from absl import flags, logging

from tfgan_train.common.errors import UserError, file_error, unknown
from tfgan_train.common.terminal import Terminal
from tfgan_train.config import registries
from tfgan_train.config.checks import legal_values
from tfgan_train.config.fields import FIELDS

EXIT_USER_ERROR = 2
MOST_COUNT = 10**12  # of a command's whole numbers: what is more than the memory is said where it is asked for
PATH_FLAGS = (
    "run_dir",
    "from_run",
    "data_dir",
    "cache_dir",
    "out",
    "out_dir",
    "images",
    "latents",
    "inception_weights",
)


def run_binary(
    name: str,
    purpose: str,
    define: Callable,
    main: Callable,
    positional: str = "",
    tensorflow: bool = True,
    first: Callable | None = None,
) -> None:
    """Parses the command line, runs `main`, and exits with its status.

    Args:
      name: as the user calls it, for the help.
      purpose: one line for the help.
      define: given the FlagValues, defines the binary's flags.
      main: given the parsed FlagValues, returns the exit status (None is 0).
      positional: what arguments that aren't flags are called, e.g. "RUN"; `main` then gets them as a list,
        after the FlagValues. "": there are none.
      tensorflow: whether to import it first, silently; without it a binary starts at once.
      first: given the parsed FlagValues, refuses what can be told without waiting seconds for TensorFlow.
    """
    _mend_streams()
    if "" not in sys.path:  # The current folder, where a user's own modules are; `python -m` alone has it there.
        sys.path.append("")
    status = _status_of(name, purpose, define, main, positional, tensorflow, first)
    sys.exit(_flushed(status))


def _status_of(name, purpose, define, main, positional, tensorflow, first) -> int:
    values = flags.FlagValues()
    flags.DEFINE_bool("help", False, "print this", flag_values=values, short_name="h")
    define(values)
    say = Terminal().line
    try:
        extra = _parse(values, sys.argv)
        if values.help:
            print(_help(values, f"{name} {positional} …" if positional else name, purpose))
            return 0
        if extra and not positional:
            raise UserError(f"'{extra[0]}' is not a flag; flags look like --name=value (see --help)")
        if first is not None:
            first(values)
        if tensorflow:
            import_tensorflow()
        logging.set_verbosity(logging.WARNING)  # TFDS tells each thing that it loads.
        return (main(values, extra) if positional else main(values)) or 0
    except UserError as error:
        say(f"error: {error}")
        return EXIT_USER_ERROR
    except KeyboardInterrupt:  # Where nobody takes the signal: nothing has begun yet.
        say("stopped")
        return 128 + signal.SIGINT
    except BrokenPipeError:  # The reader of our output has gone, as `| head` does.
        _drop_output()
        return 0
    except MemoryError as error:
        say(f"error: this needs more memory than there is ({str(error) or 'none is left'}); ask for less at once")
        return EXIT_USER_ERROR
    except OSError as error:  # Of a file that nobody expected to fail.
        say(f"error: {file_error(error)}")
        return EXIT_USER_ERROR
    except Exception as error:  # Ctrl-C in the midst of a scope of TensorFlow's, whose end then fails.
        if not _follows_ctrl_c(error):
            raise
        say("stopped")
        return 128 + signal.SIGINT


def _follows_ctrl_c(error: BaseException) -> bool:
    """Whether an exception was raised while KeyboardInterrupt was under way."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or seen.__context__
    return seen is not None


def _mend_streams() -> None:
    """Makes the standard streams safe to write to: present, and able to show any character.

    A descriptor that was closed (`2>&-`) would be given to the next file that is opened, and
    what C++ logs would land in it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest free number, which is this one.
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(status: int) -> int:
    """`status`, or that of a user's error where what was printed can't be written (a full disk)."""
    try:
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _drop_output()
        return status
    except OSError as error:
        _drop_output()
        Terminal().line(f"error: stdout can't be written: {file_error(error)}")
        return status or EXIT_USER_ERROR


def _drop_output() -> None:
    """Turns stdout away, so that Python's own flush at the end has nothing to complain of."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def define_config_flags(values: flags.FlagValues, group: str = "") -> None:
    """One flag for every field of Config, or for those of one group."""
    kinds: dict[Any, Callable] = {
        bool: flags.DEFINE_boolean,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
    }
    for name, field in FIELDS.items():
        if group not in ("", field.metadata["group"]):
            continue
        kind, default = (str, str(field.default)) if field.metadata["auto"] else (field.type, field.default)
        kinds[kind](name, default, field.metadata["help"], flag_values=values, module_name=field.metadata["group"])


def given_config(values: flags.FlagValues) -> dict:
    """The Config fields that stood on the command line (or in a flagfile), as name -> value."""
    return {name: values[name].value for name in FIELDS if name in values and values[name].present}


def define(values: flags.FlagValues, kind: str, name: str, default, text: str) -> None:
    """Defines one flag of a binary: kind is string, integer, float or boolean."""
    getattr(flags, f"DEFINE_{kind}")(name, default, text, flag_values=values, module_name="this command")


def require(values: flags.FlagValues, *names: str) -> None:
    """Raises UserError unless each flag was given."""
    for name in names:
        if not values[name].present:
            raise UserError(f"--{name} is needed: {values[name].help}")


SEEDS = range(-(2**31), 2**31)


def check_seed(values: flags.FlagValues, name: str = "seed") -> None:
    """Raises UserError unless the flag is left out, or a seed that the latents' hash takes."""
    if values[name].value is not None and values[name].value not in SEEDS:
        raise UserError(f"--{name}={values[name].value} must be from -2147483648 to 2147483647")


STEP_WORDS = ("best", "last")
LONGEST_STEP = 18  # digits


def define_step(values: flags.FlagValues) -> None:
    """Defines --step, which is the same for every command that reads a run."""
    define(
        values,
        "string",
        "step",
        None,
        "a checkpoint's step, best or last; by default the best where an evaluation chose one, else the last",
    )


def checkpoint_step(text: str | None) -> int | str | None:
    """What --step=TEXT asks for: a number, "best", "last", or None where the flag wasn't given.

    Raises:
      UserError: for anything else.
    """
    if text is None or text in STEP_WORDS:
        return text
    # Not isdigit: "²" is a digit that int() doesn't take.
    if not text.isdecimal() or len(text) > LONGEST_STEP:
        raise UserError(f"--step={text} is neither a checkpoint's step nor {' nor '.join(STEP_WORDS)}"[:200])
    return int(text)


def _parse(values, argv) -> list[str]:
    try:
        rest = values(argv)[1:]
        for name in values:
            if isinstance(values[name].value, int) and abs(values[name].value) > MOST_COUNT and name not in FIELDS:
                raise UserError(f"--{name} is beyond reason; legal: up to {MOST_COUNT:,}")
        for name in PATH_FLAGS:
            if name in values and isinstance(values[name].value, str):  # bash leaves the ~ of --flag=~/x alone.
                values[name].value = os.path.expanduser(values[name].value)
        return rest
    except flags.UnrecognizedFlagError as error:
        raise UserError(
            unknown("flag", f"--{error.flagname}", [f"--{name}" for name in sorted(values) if len(name) > 1])
        ) from None
    except flags.CantOpenFlagFileError as error:
        if not isinstance(error.__context__, OSError):
            raise
        name, why = error.__context__.filename, error.__context__.strerror
        raise UserError(f"--flagfile={name} can't be read: {why}") from None
    except flags.Error as error:
        raise UserError(str(error).replace("flag --", "--").splitlines()[0]) from None


def _help(values, name, purpose) -> str:
    groups: dict[str, list[str]] = {}
    for module, members in values.flags_by_module_dict().items():
        for flag in members:
            if flag.name in FIELDS or module == "this command":
                default = "" if flag.default in (None, "", False) else f" [{flag.default}]"
                groups.setdefault(module, []).append(f"  --{flag.name:<22} {flag.help}{_choices(flag)}{default}")
    lines = [
        f"{name}: {purpose}",
        "",
        "Flags are --name=value; booleans --name or --noname; --flagfile=FILE reads them from a file.",
    ]
    for group, members in groups.items():
        lines += ["", group.capitalize() + ":", *members]
    if "dataset" in FIELDS.keys() & set(values):
        lines += ["", "Datasets:"]
        for key, entry in registries.entries(registries.DATASETS).items():
            if entry.help:
                lines.append(f"  {entry.form(key):<34} {entry.help}; recipe {entry.recipe}")
    own = [f"--{name}" for name, field in FIELDS.items() if field.metadata["dotted"] and name in values]
    if own:
        lines += ["", f"{', '.join(own)} take python:package.module:name of a module of yours too."]
    return "\n".join(lines)


def _choices(flag) -> str:
    """What the flag chooses from, where its help doesn't name it all."""
    legal = legal_values(FIELDS[flag.name], imported=False) if flag.name in FIELDS else ()
    named = all(re.search(rf"\b{re.escape(str(value))}\b", flag.help) for value in legal)
    return "" if named else f" (one of {', '.join(str(value) for value in legal if value != '')})"


def import_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages; they are shown when that fails.

    Some of them come from C++ before any log level is read, so the file descriptor itself
    is turned away for the while. TF_CPP_MIN_LOG_LEVEL, where the user has set it, shows all.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        import tensorflow

        return
    # Of several workers, each lost connection would be told in dozens of lines.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3" if os.environ.get("TF_CONFIG") else "2"
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import tensorflow

            tensorflow.config.list_physical_devices()
        except BaseException:
            aside.seek(0)
            with contextlib.suppress(OSError):
                os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
