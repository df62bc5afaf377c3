"""Exports a run's generator: `python -m tfgan_train.export --run_dir=RUN --out_dir=OUT`, or `python -m export.main`."""

from tfgan_train.common.errors import UserError
from tfgan_train.config import command

MOST_IN_A_BATCH = 1024


def _define(values):
    command.define(values, "string", "run_dir", None, "the run to export")
    command.define(values, "string", "out_dir", None, "the folder to make")
    command.define(
        values,
        "string",
        "formats",
        "saved_model,tflite",
        "comma-separated: saved_model, tflite, tflite_float16, tflite_dynamic, tflite_int8, "
        "tflite_weight_int8, onnx; or all",
    )
    command.define(values, "string", "tflite_batches", "1,16", "batch sizes of the .tflite files' signatures")
    command.define_step(values)
    command.define(values, "boolean", "overwrite", False, "replace an earlier export in --out_dir")


def _first(values):
    from tfgan_train.runs.directory import RunDir

    command.require(values, "run_dir", "out_dir")
    RunDir(values.run_dir).read()


def _main(values):
    from export import export, formats

    return export.export(
        values.run_dir,
        values.out_dir,
        formats.parse(values.formats),
        _batches(values.tflite_batches),
        command.checkpoint_step(values.step),
        values.overwrite,
    )


def _batches(text: str) -> tuple[int, ...]:
    try:
        batches = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        batches = ()
    if not batches or batches[0] < 1 or batches[-1] > MOST_IN_A_BATCH:
        raise UserError(
            f"--tflite_batches={text} must be whole numbers from 1 to {MOST_IN_A_BATCH}, "
            "separated by commas, such as 1,16"
        )
    return batches


def main():
    """The console script tfgan-export."""
    command.run_binary(
        "tfgan-export", "turn a trained run into files for other apps, each one verified", _define, _main, first=_first
    )


if __name__ == "__main__":
    main()
