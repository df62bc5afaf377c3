"""A run directory with every kind of file, each of them damaged, against every command that reads it.

No traceback, no hang, exit status 0 or 2 with one line. TFGAN_FUZZ=N takes N times as many mutations.
"""

import json
import pathlib
import shutil

import numpy as np
import pytest

from export import main as export_main
from tests import binaries
from tests.fuzzing import MORE, at_most, json_mutations, mutations, one_line_or_fine, replace_by, whole_run
from tfgan_train import compare, evaluate, inspect_data, load, main, project, sample
from tfgan_train.doctor.doctor import Doctor
from tfgan_train.pictures import training_samples
from tfgan_train.report import compare_page, comparison, galleries
from tfgan_train.report.page import write_report
from tfgan_train.runs import checkpoints, latents_file
from tfgan_train.runs.directory import RunDir, find_checkpoint
from tfgan_train.runs.facts import read_run
from tfgan_train.runs.rows import read_rows
from tfgan_train.runs.sampler import Sampler
from tfgan_train.training.best import patience_lost

NO_FILES = ("folder", "pipe")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_run(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def run(whole, tmp_path):
    return pathlib.Path(shutil.copytree(whole, tmp_path / "run"))


def _pages(run: pathlib.Path) -> None:
    write_report(run)
    compare_page.render(comparison.group_runs([read_run(run)]))
    comparison.to_csv(comparison.group_runs([read_run(run)]))


def _damaged(path: pathlib.Path, contents):
    """Yields after each damage to the file; at last it is what it was."""
    whole = path.read_bytes()
    for damage in (*contents, *NO_FILES):
        replace_by(path, damage.encode() if isinstance(damage, str) and damage not in NO_FILES else damage)
        yield
    replace_by(path, whole)


def _says_the_same(data: bytes, whole: bytes) -> bool:
    """Whether it is the same file, or the same JSON with other spaces."""
    try:
        return data == whole or json.loads(data) == json.loads(whole)
    except ValueError:
        return False


def test_pictures_feed_pages_only(run):
    paths = [*sorted((run / "samples").glob("*.png")), run / "progress.webp"]
    with at_most(20 * MORE):
        for path in paths:
            for _ in _damaged(path, mutations(path.read_bytes(), 1)):
                write_report(run)
                if path.name.startswith("step-"):
                    training_samples.animate(run / "samples", run / "drawn.webp")


@pytest.mark.parametrize("name, show", [("nearest", galleries.nearest), ("spot", galleries.game)])
def test_facts_feed_pages_only(run, name, show):
    path = run / "samples" / f"{name}.json"
    content = path.read_bytes()
    with at_most(20 * MORE):
        for _ in _damaged(path, [*mutations(content, 40), *json_mutations(json.loads(content), 120)]):
            assert isinstance(show(read_run(run)), str)
        write_report(run)


def test_figures_feed_pages_only(run):
    """Many damaged files at once, as each is read by itself."""
    whole = run / "eval" / "00000008.json"
    content = whole.read_bytes()
    with at_most(20 * MORE):
        for seed in range(2 * MORE):
            changed = [*mutations(content, 20, seed), *json_mutations(json.loads(content), 60, seed)]
            for step, damage in enumerate(changed, start=9):
                replace_by(run / "eval" / f"{step:08d}.json", damage if isinstance(damage, bytes) else damage.encode())
            for step, damage in enumerate(NO_FILES):
                replace_by(run / "eval" / f"{step:08d}.json", damage)
            _pages(run)


def test_rows_of_the_wrong_types_feed_pages_only(run):
    path = run / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    with at_most(20 * MORE):
        for seed in range(4 * MORE):
            damaged = [list(json_mutations(line, 1, 100 * seed + number))[-1] for number, line in enumerate(lines)]
            path.write_text("\n".join(damaged) + "\n")
            _pages(run)
            doctor = Doctor()
            for row in read_rows(path):
                doctor.observe(row)
            patience_lost(1, read_rows(path))


def test_a_damaged_best_is_never_taken(run):
    folder = run / "checkpoints" / checkpoints.BEST
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for _ in _damaged(path, (data for data in mutations(whole, 12) if not _says_the_same(data, whole))):
            assert find_checkpoint(RunDir(run)).step == 8 and checkpoints.best(run / "checkpoints") is None
            one_line_or_fine(lambda: find_checkpoint(RunDir(run), "best"))
    assert checkpoints.best(run / "checkpoints").step == 8


def test_files_of_latents(run):
    path = run / "latents.npz"
    loaded = load(run).loaded
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    for _ in _damaged(path, mutations(path.read_bytes(), 60)):
        one_line_or_fine(lambda: latents_file.read(str(path), "--latents=x", sampler, None))


def test_settings_that_are_legal_make_pages(run):
    path = run / "config.json"
    stored = json.loads(path.read_text()) | {"parent": {"run": "x", "step": 3, "notes": ["kept"], "parent": {}}}
    for content in json_mutations(stored, 60):
        path.write_text(content)
        one_line_or_fine(lambda: RunDir(run).read() and _pages(run))


RUN = "--run_dir={run}"
COMMANDS = {
    "main": (main, [RUN, "--steps=9"]),
    "main, a new run": (main, ["--from_run={run}", "--run_dir={run}/../new", "--dataset=mnist10k", "--steps=1"]),
    "evaluate": (evaluate, [RUN, "--num=40", "--features=pixels", "--metrics=frechet"]),
    "compare": (compare, ["{run}", "--out={run}/../x.html"]),
    "inspect_data": (inspect_data, ["--dataset=folder:{run}/samples", "--out={run}/../x.html"]),
    "export": (export_main, [RUN, "--out_dir={run}/../out", "--formats=tflite", "--tflite_batches=1", "--step=best"]),
    "project": (
        project,
        [RUN, "--images={run}/pictures.npy", "--out={run}/../p", "--restarts=1", "--iterations=1"],
    ),
    "sample": (sample, [RUN, "--num=2", "--out={run}/../x.png", "--step=best"]),
    "sample --latents": (sample, [RUN, "--latents={run}/latents.npz", "--out={run}/../x.png"]),
    "sample --direction": (
        sample,
        [RUN, "--direction=latents:{run}/latents.npz,{run}/latents.npz", "--num=1", "--out={run}/../x.png"],
    ),
    "sample --animate": (sample, [RUN, "--animate", "--out={run}/../x.webp"]),
}


@pytest.mark.slow
@pytest.mark.skipif(MORE == 1, reason="takes seconds a pair: TFGAN_FUZZ=N tries 6 N of them")
def test_every_command_on_damaged_files(whole, tmp_path):
    """Some of all pairs of a command and a file, damaged in some way."""
    random = np.random.default_rng(7)
    files = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
    for number in range(6 * MORE):
        command, name = list(COMMANDS)[random.integers(len(COMMANDS))], files[random.integers(len(files))]
        changed = list(mutations((whole / name).read_bytes(), 1, seed=number))[-1]
        damage = (b"", changed, *NO_FILES)[random.integers(4)]
        run = pathlib.Path(shutil.copytree(whole, tmp_path / str(number) / "run"))
        replace_by(run / name, damage)
        called, arguments = COMMANDS[command]
        with at_most(120):
            result = binaries.call(called.main, *(argument.format(run=run) for argument in arguments))
        what = f"{command}, {name}: {damage[:40]!r}\n{result.err}"
        assert "Traceback" not in result.err, what
        assert result.status == 0 or (result.status == 2 and result.err.count("error: ") == 1), what
        shutil.rmtree(run.parent)
