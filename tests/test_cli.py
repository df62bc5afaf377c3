"""The command line: flags from fields, recipes and flagfiles, help, resuming with other settings, fresh runs."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from absl import flags

from export import main as export_main
from tests import binaries, exporting
from tfgan_train import evaluate, main, sample
from tfgan_train.config import command, recipes
from tfgan_train.config.checks import legal_values
from tfgan_train.config.fields import FIELDS, Config
from tfgan_train.data import DATASETS

PROMISED = (
    "dataset data_dir recipe run_dir steps epochs batch_size seed loss penalty g_lr d_lr checkpoint_every log_every "
    "sample_every devices precision fresh dry_run"
).split()


# --- help


def test_help_is_short_and_grouped_and_starts_no_tensorflow():
    code = (
        "import sys; sys.argv[1:] = ['--help']\nfrom tfgan_train import main\n"
        "try: main.main()\nfinally: assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=exporting.ROOT)
    assert done.returncode == 0 and not done.stderr, done.stderr
    lines = done.stdout.splitlines()
    headings = [line for line in lines if re.fullmatch(r"[A-Z][a-z ]+:", line)]
    assert {"Data:", "Run:", "Networks:", "Objective:", "Optimisation:"} <= set(headings)
    named = [match[1] for match in (re.match(r"  --(\w+)", line) for line in lines) if match]
    assert sorted(named) == sorted({*FIELDS, "fresh", "dry_run"})
    assert len(lines) < len(FIELDS) + 45 and max(map(len, lines)) < 200
    flag_lines = {match[1]: line for line in lines if (match := re.match(r"  --(\w+)", line))}
    for name, field in FIELDS.items():  # The help reads registries' names from their source, this from themselves.
        for value in legal_values(field):
            assert re.search(rf"\b{value}\b", flag_lines[name]), (name, value)
    for name, known in DATASETS.items():
        assert (f"  {known.form(name)} " in done.stdout) == bool(known.help)


def test_an_error_that_ctrl_c_brings_about_is_no_traceback():
    """TensorFlow's scopes raise one of their own where they are left half entered."""

    def _main(values):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("Improper nesting of variable_scope.")  # noqa: B904  (as it is there)

    result = binaries.call(lambda: command.run_binary("x", "y", lambda values: None, _main, tensorflow=False))
    assert (result.status, result.err) == (130, "stopped\n")

    def _fails(values):
        raise RuntimeError("one of ours")

    with pytest.raises(RuntimeError, match="one of ours"):
        binaries.call(lambda: command.run_binary("x", "y", lambda values: None, _fails, tensorflow=False))


def test_what_is_plainly_wrong_is_said_before_tensorflow_is_there():
    """Its import takes seconds. One process for all of them, each a command of its own in it."""
    commands = [
        ("tfgan_train.main", "--dataset=mnst", "did you mean mnist"),
        ("tfgan_train.main", "--loss=hing", "did you mean hinge"),
        ("tfgan_train.main", "--d_steps=-3", "from 1 to 100"),
        *[(f"tfgan_train.{name}", "--run_dir=nowhere", "no run there") for name in ("sample", "evaluate")],
        ("tfgan_train.project", "--run_dir=nowhere --images=x.png --out=y", "no run there"),
        ("export.main", "--run_dir=nowhere --out_dir=x", "no run there"),
    ]
    code = (
        "import importlib, sys\n"
        f"for module, flag, _ in {commands}:\n"
        "    sys.argv[1:] = flag.split()\n"
        "    try: importlib.import_module(module).main()\n"
        "    except SystemExit as end: assert end.code == 2\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=exporting.ROOT)
    assert done.returncode == 0, done.stderr
    for line, (_, flag, said) in zip(done.stderr.splitlines(), commands, strict=True):
        assert line.startswith("error: ") and flag.partition("=")[0] in line and said in line


@pytest.mark.parametrize("binary", [main, sample, evaluate])
def test_every_binary_says_what_it_is_for(binary):
    for flag in ("--help", "-h"):
        result = binaries.call(binary.main, flag)
        assert result.status == 0 and not result.err
        assert result.out.startswith(f"tfgan-{'train' if binary is main else binary.__name__.split('.')[1]}: ")


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m tfgan_train.main --help | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=exporting.ROOT,
    )
    first, status = done.stdout.splitlines()
    assert first.startswith("tfgan-train: ") and status == "0" and not done.stderr, done.stderr


# --- flags


def _parsed(*arguments) -> Config:
    """The Config that these flags ask for."""
    values = flags.FlagValues()
    command.define_config_flags(values)
    values(["binary", *arguments])
    return Config(**command.given_config(values))


@pytest.mark.parametrize(
    "binary, words", [(sample, "best nor last"), (evaluate, "best nor last"), (export_main, "best nor last")]
)
@pytest.mark.parametrize("text", ["²", "-1", "1.5", "Best", ""])
def test_every_binary_refuses_a_step_that_is_none(binary, words, text):
    result = binaries.call(
        binary.main,
        f"--run_dir={exporting.run('mlp')}",
        f"--step={text}",
        *(["--out_dir=never"] if binary is export_main else []),
    )
    assert (result.status, result.err) == (2, f"error: --step={text} is neither a checkpoint's step nor {words}\n")


def test_a_step_is_a_number_or_a_word_that_the_binary_knows():
    assert [command.checkpoint_step(text) for text in (None, "0", "00120", "best", "last")] == [
        None,
        0,
        120,
        "best",
        "last",
    ]


def test_the_promised_flags_are_there():
    out = binaries.call(main.main, "--help").out
    assert all(f"  --{name} " in out for name in PROMISED)


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_can_be_given_as_a_flagfile_or_by_its_name(name):
    file = pathlib.Path(exporting.ROOT) / "flags" / f"{name}.flags"
    assert _parsed(f"--flagfile={file}") == Config(recipe=name) == _parsed(f"--recipe={name}")


def test_flags_after_a_recipe_or_a_flagfile_go_before_it():
    file = pathlib.Path(exporting.ROOT) / "flags" / "smoke.flags"
    for start in ("--recipe=smoke", f"--flagfile={file}"):
        config = _parsed(start, "--g_width=5", "--noshared_z", "--conditional", "--augment=flip")
        assert (config.g_width, config.shared_z, config.conditional, config.augment) == (5, False, True, "flip")
        assert config.d_width == 4
    assert _parsed("--g_width=5", "--recipe=smoke").g_width == 5
    assert _parsed("--steps=3", "--recipe=smoke", "--steps=4").steps == 4


def test_a_flagfile_of_ones_own_lies_over_its_recipe(tmp_path):
    (tmp_path / "mine.flags").write_text("# mine\n--recipe=smoke\n--g_lr=0.25\n")
    config = _parsed(f"--flagfile={tmp_path / 'mine.flags'}", "--d_lr=0.5")
    assert (config.recipe, config.g_lr, config.d_lr, config.g_width) == ("smoke", 0.25, 0.5, 4)


def test_dry_run_shows_everything_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = binaries.call(main.main, "--recipe=smoke", "--dry_run", "--g_lr=0.125", "--train_examples=100")
    assert result.status == 0 and list(tmp_path.iterdir()) == []
    # Real steps are timed, which leaves nothing behind.
    assert re.search(r"measured here and now: [\d.]+ ms a step; \d+ steps take about ", result.out)
    for said in (
        "runs/mnist10k-smoke (new)",
        "100 images of 28x28x1, 10 labels",
        "g_lr=0.125",
        "generator:",
        "discriminator:",
        "GFLOP",
        "sample_every=4",
        "recipe: --recipe=digits: ",
    ):
        assert said in result.out, said
    # 7x7x8 from 8 latents, 5x5 up to 14x14x4, and to the image: kernels, norms' pairs, the last bias.
    assert f"{8 * 392 + 2 * 8 + 25 * 8 * 4 + 2 * 4 + 25 * 4 + 1:,}" in result.out


# --- resuming

HERE = "--devices=auto"  # The run was begun on two logical devices, and this process has one.


@pytest.fixture
def run(tmp_path):
    """A finished run of three steps that a test may change."""
    return pathlib.Path(shutil.copytree(exporting.run("mlp"), tmp_path / "run"))


def _config(run):
    return json.loads((run / "config.json").read_text())["config"]


def _steps(run):
    return [
        row["step"]
        for row in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
        if row["kind"] == "train"
    ]


def test_the_run_directory_alone_resumes(run):
    result = binaries.call(main.main, f"--run_dir={run}", HERE)
    assert result.status == 0 and "is complete at step 3; give more --steps to go on, or --fresh" in result.err
    result = binaries.call(main.main, f"--run_dir={run}", HERE, "--steps=5")
    assert result.status == 0 and f"resuming {run} at step 3 of 5" in result.err
    assert _steps(run) == [2, 3, 4, 5] and _config(run)["steps"] == 5
    assert _config(run)["architecture"] == "mlp" and _config(run)["g_width"] == 32


def test_how_long_and_how_often_may_change(run):
    asked = {
        "epochs": "0.5",
        "log_every": "1",
        "sample_every": "2",
        "checkpoint_every": "3",
        "keep_checkpoints": "5",
        "steps_per_loop": "1",
    }
    result = binaries.call(main.main, f"--run_dir={run}", HERE, *(f"--{name}={value}" for name, value in asked.items()))
    assert result.status == 0, result.err
    assert _steps(run) == [2, 3, *range(4, 10)]  # 0.5 * 200 images / 12
    assert {name: str(_config(run)[name]) for name in asked} == asked | {"epochs": "0.0"}
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "00000002",
        "00000003",
        "00000006",
        "00000009",
    ]


def test_settings_that_agree_with_the_run_may_be_repeated(run):
    result = binaries.call(
        main.main,
        f"--run_dir={run}",
        HERE,
        "--dataset=mnist10k",
        "--architecture=mlp",
        "--g_width=32",
        "--d_width=0",
        "--steps=3",
    )
    assert result.status == 0, result.err


@pytest.mark.parametrize(
    "flag, was",
    [
        ("--g_lr=0.5", "0.0002"),
        ("--seed=2", "1"),
        ("--batch_size=24", "12"),
        ("--loss=hinge", "non_saturating"),
        ("--g_width=31", "32"),
        ("--conditional", "False"),
        ("--precision=bfloat16", "float32"),
    ],
)
def test_another_value_is_refused_by_its_name(run, flag, was):
    before = (run / "config.json").read_bytes()
    result = binaries.call(main.main, f"--run_dir={run}", HERE, flag, "--steps=9")
    name = flag.split("=")[0]
    assert result.status == 2 and re.search(
        rf"^error: {name}=\S+, but the run in \S+ was begun with {was}; leave it out", result.err
    )
    assert (run / "config.json").read_bytes() == before


def test_a_recipe_that_is_named_counts_as_said_and_the_datasets_own_does_not(run):
    assert binaries.call(main.main, f"--run_dir={run}", HERE, "--recipe=digits").status == 2
    assert binaries.call(main.main, f"--run_dir={run}", HERE, "--dataset=mnist10k").status == 0


@pytest.mark.slow
def test_fresh_runs_are_numbered_and_the_old_one_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["--recipe=smoke", "--train_examples=50", "--steps=1", "--architecture=mlp"]
    for _ in range(2):  # The second finds it complete.
        assert binaries.call(main.main, *command).status == 0
    first = {path: path.read_bytes() for path in (tmp_path / "runs" / "mnist10k-smoke").rglob("*") if path.is_file()}
    assert "runs/mnist10k-smoke-2 (new)" in binaries.call(main.main, *command, "--fresh", "--dry_run").out
    assert binaries.call(main.main, *command, "--fresh").status == 0
    assert "runs/mnist10k-smoke-3 (new)" in binaries.call(main.main, *command, "--fresh", "--dry_run").out
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["mnist10k-smoke", "mnist10k-smoke-2"]
    assert {path: path.read_bytes() for path in first} == first


def test_fresh_with_a_nameless_directory_takes_its_real_name(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert (
        f"{tmp_path}/here-2 (new)"
        in binaries.call(main.main, "--recipe=smoke", "--architecture=mlp", "--run_dir=.", "--fresh", "--dry_run").out
    )
