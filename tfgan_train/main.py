"""Trains a GAN: `python -m tfgan_train.main --dataset=mnist`."""

from tfgan_train.config import command
from tfgan_train.config.fields import Config


def _define(values):
    command.define(values, "boolean", "fresh", False, "begin anew in the next numbered directory instead of resuming")
    command.define(values, "boolean", "dry_run", False, "print what would be trained, and train nothing")
    command.define_config_flags(values)


def _first(values):
    from tfgan_train.config.checks import check_values
    from tfgan_train.data import check_name, located

    config = Config(**command.given_config(values))
    check_values(config, imported=False)
    check_name(located(config.dataset))


def _main(values):
    given = command.given_config(values)
    config = Config(**given)
    # The recipe that was named counts as said; the one chosen for the dataset doesn't.
    from tfgan_train.config import recipes

    named = given.keys() | (recipes.read(config.recipe) if "recipe" in given else {})
    if values.dry_run:
        from tfgan_train.training.dry_run import describe

        print(describe(config, named, values.fresh))
        return 0
    from tfgan_train.training.loop import train

    run = train(config, named, values.fresh)
    return 128 + run.stopped if run.stopped else 0


def main():
    """The console script tfgan-train."""
    command.run_binary(
        "tfgan-train", "train a GAN on images, or resume a run that was stopped", _define, _main, first=_first
    )


if __name__ == "__main__":
    main()
