"""report.html as text: what it says, what it must not say, what it costs, and what it does without."""

import base64
import html.parser
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

import pytest

from tests.made_run import make_run
from tfgan_train.config.fields import Config
from tfgan_train.report import data_uris, galleries, settings
from tfgan_train.report.page import write_report
from tfgan_train.runs.facts import read_run

VOID = {"meta", "link", "img", "input", "br"}


class Parsed(html.parser.HTMLParser):
    """Checks that elements are nested rightly, and collects tags, texts and ids."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def sections(self):
        return [attributes["id"] for attributes in self.all("section")]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "digits")


def _page(run, status=None):
    return Parsed(write_report(run, status).read_text(encoding="utf-8"))


def test_whole_run_has_every_section_and_says_what_matters(whole_run):
    page = _page(whole_run)
    assert page.sections == [
        "doctor",
        "samples",
        "curves",
        "course",
        "evaluation",
        "interpolation",
        "nearest",
        "spot",
        "data",
        "advice",
        "config",
    ]
    for words in (
        "400 of 400 steps in 4 s on 10,000 images",
        "finished",
        "75 ± 1.25",
        "↓ lower is better",
        "70 %",
        "90 %",
        "the samples look alike",
        "The shipped digits are used.",
        "1 file skipped",
        "truncated",
        "28 × 28 pixels, grey, 10 classes",
        "Searched among 44 training images",
    ):
        assert words in page.text, words


def test_ds_accuracy_is_that_over_the_whole_data_once_it_is_known(whole_run, tmp_path):
    run = shutil.copytree(whole_run, tmp_path / "run")
    assert "D's accuracy 70 % 50 % is the ideal" in _page(run).text
    with open(run / "metrics.jsonl", "a") as file:
        file.write(
            json.dumps(
                {
                    "kind": "d_accuracy",
                    "step": 400,
                    "d_accuracy": 0.58,
                    "d_accuracy_real": 0.6,
                    "d_accuracy_fake": 0.56,
                    "d_accuracy_lowest": 0.515,
                    "d_accuracy_highest": 0.64,
                    "images": 10000,
                }
            )
            + "\n"
        )
    assert (
        "D's accuracy 58 % on 10,000 real images and as many fake "
        "(52 to 64 % in batches of 200 and 200); 50 % is the ideal"
    ) in _page(run).text


def test_the_share_of_the_peak_is_told_at_the_step_at_which_it_was_measured(whole_run, tmp_path):
    run = shutil.copytree(whole_run, tmp_path / "run")
    clock = {"kind": "clock", "step": 400, "flops_per_second": 153e9, "peak_flops_per_second": 189e9}
    said = "Of this machine's peak 81 % 153 GFLOP/s in the training graph; matrix products reach 189 GFLOP/s here"
    assert said in Parsed(write_report(run, "finished", clock).read_text()).text
    assert "machine's peak" not in _page(run).text
    for row in (clock | {"step": 300}, clock | {"peak_flops_per_second": 0}):
        assert "machine's peak" not in Parsed(write_report(run, "finished", row).read_text()).text
    with open(run / "metrics.jsonl", "a") as file:
        file.write(json.dumps(clock) + "\n")
    assert said in _page(run).text


def test_the_page_is_one_file_that_asks_for_nothing(whole_run):
    page = _page(whole_run)
    sources = [attributes.get(name, "") for _, attributes in page.tags for name in ("src", "href", "data-moving")]
    assert all(source.startswith(("data:", "#")) for source in sources if source)
    text = (whole_run / "report.html").read_text()
    assert not re.search(r"url\(|@import|https?://|fetch\(|XMLHttp", text)


def test_everything_that_needs_words_has_them(whole_run):
    page = _page(whole_run)
    assert all(image["alt"] for image in page.all("img"))
    buttons = re.findall(r"<button([^>]*)>(.*?)</button>", (whole_run / "report.html").read_text())
    assert len(buttons) > 36 and all("aria-label" in attributes or label for attributes, label in buttons)
    assert all("aria-label" in attributes for attributes in page.all("input"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    headings = {attributes["id"] for attributes in page.all("h2")}
    assert all(attributes["aria-labelledby"] in headings for attributes in page.all("section"))
    assert {attributes["href"][1:] for attributes in page.all("a")} <= set(ids)


def test_names_from_outside_are_escaped(whole_run):
    text = write_report(whole_run).read_text()
    assert "<b>broken</b>" not in text and "A/&lt;b&gt;broken&lt;/b&gt;.png" in text


def test_game_key_is_in_no_text_that_a_player_or_a_screen_reader_meets(whole_run):
    text = write_report(whole_run).read_text()
    tiles = re.findall(
        r'<button type="button" style="[^"]*" aria-pressed="false" tabindex="-?\d" aria-label="([^"]*)"></button>', text
    )
    assert len(tiles) == 36 and all(re.fullmatch(r"Row \d, column \d", tile) for tile in tiles)


FILES = [
    "config.json",
    "metrics.jsonl",
    "progress.webp",
    "samples/real.png",
    "samples/step-*.png",
    "samples/strip-*.png",
    "samples/interpolation.png",
    "samples/nearest.png",
    "samples/nearest.json",
    "samples/spot.png",
    "samples/spot.json",
    "samples",
]


@pytest.mark.parametrize("missing", FILES)
def test_any_file_may_be_missing(whole_run, tmp_path, missing):
    run = shutil.copytree(whole_run, tmp_path / "run")
    for path in list(run.glob(missing)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = _page(run, "running")
    gone = {
        "config.json": {"data", "advice", "config"},
        "metrics.jsonl": {"doctor", "curves", "evaluation"},
        "samples/step-*.png": {"samples"},
        "samples/interpolation.png": {"interpolation"},
        "samples/nearest.png": {"nearest"},
        "samples/spot.png": {"spot"},
        "samples/spot.json": {"spot"},
        "samples": {"samples", "interpolation", "nearest", "spot"},
    }.get(missing, set())
    whole = {
        "doctor",
        "samples",
        "curves",
        "course",
        "evaluation",
        "interpolation",
        "nearest",
        "spot",
        "data",
        "advice",
        "config",
    }
    assert set(page.sections) == whole - gone


def test_empty_run_directory_gives_a_page(tmp_path):
    page = _page(tmp_path, "running")
    assert page.sections == [] and "running" in page.text and tmp_path.name in page.text


def test_first_row_and_rows_of_few_keys_are_enough(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(
        json.dumps({"kind": "train", "step": 1, "d_loss": float("nan"), "g_loss": 2.0}) + "\n"
    )
    page = _page(tmp_path)
    assert "curves" in page.sections and "stopped" in page.text


def test_last_line_cut_short_is_left_out(whole_run, tmp_path):
    run = shutil.copytree(whole_run, tmp_path / "run")
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"kind": "train", "st')
    assert len(read_run(run).train) == 8
    assert "400 of 400 steps" in _page(run).text


@pytest.mark.parametrize("done,status", [(400, "finished"), (350, "stopped")])
def test_status_is_told_from_the_last_step_when_nobody_says(whole_run, tmp_path, done, status):
    run = shutil.copytree(whole_run, tmp_path / "run")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join(line for line in lines if json.loads(line)["step"] <= done) + "\n")
    assert status in _page(run).text
    with pytest.raises(ValueError, match="paused"):
        write_report(run, "paused")


def test_evaluation_files_are_read_beside_the_rows(whole_run, tmp_path):
    run = shutil.copytree(whole_run, tmp_path / "run")
    (run / "eval").mkdir()
    (run / "eval" / "500.json").write_text(
        json.dumps(
            {
                "step": 500,
                "seed": 3,
                "results": [
                    {"name": "fd", "value": 12.0, "spread": 0.5, "better": "lower"},
                    {"name": "kd", "value": None},
                ],
            }
        )
    )
    found = read_run(run).evaluations
    assert list(found) == [200, 400, 500]
    assert found[500]["fd"].value == 12.0 and list(found[500]) == ["fd"]
    assert "12 ± 0.5" in _page(run).text


@pytest.mark.perf
def test_two_thousand_rows_take_less_than_half_a_second(tmp_path):
    run = make_run(tmp_path / "long", rows=2000, each=50)
    write_report(run)
    start = time.process_time()
    path = write_report(run, "running")
    assert time.process_time() - start < 0.5
    assert path.stat().st_size < 6_000_000


@pytest.mark.slow
def test_large_noisy_pictures_stay_within_six_megabytes(tmp_path):
    run = make_run(tmp_path / "large", side=64, channels=3, grids=30)
    path = write_report(run)
    page = Parsed(path.read_text())
    grids = [image for image in page.all("img") if "data-step" in image]
    assert len(grids) == 24 and path.stat().st_size < 6_000_000
    assert grids[0]["data-step"] == "0" and grids[-1]["data-step"] == "400"


def test_an_animation_too_large_for_the_page_is_the_file_beside_it(whole_run, monkeypatch):
    monkeypatch.setattr(galleries, "_ANIMATION_BYTES", 10)
    page = _page(whole_run)
    assert [image["data-moving"] for image in page.all("img") if "data-moving" in image] == ["progress.webp"]
    assert "progress.webp beside this page" in page.text


def test_page_is_made_without_tensorflow():
    code = "import sys, tfgan_train.report.page, tfgan_train.doctor.doctor; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_picture_within_its_budget_goes_in_byte_for_byte_and_a_larger_one_fits(whole_run):
    path = whole_run / "samples" / "real.png"
    size = path.stat().st_size
    kind, content = data_uris.data_uri(path, size).split(",")
    assert kind == "data:image/png;base64" and base64.b64decode(content) == path.read_bytes()
    kind, content = data_uris.data_uri(path, size // 3).split(",")
    assert kind == "data:image/jpeg;base64" and len(base64.b64decode(content)) <= size // 3


def test_a_changed_picture_is_read_again(whole_run, tmp_path):
    path = pathlib.Path(shutil.copy(whole_run / "samples" / "real.png", tmp_path / "a.png"))
    first = data_uris.data_uri(path, 10**6)
    shutil.copy(whole_run / "samples" / "spot.png", path)
    assert data_uris.data_uri(path, 10**6) != first


@pytest.mark.parametrize(
    "given",
    [
        {"dataset": "mnist10k"},
        {"dataset": "mnist10k", "steps": 77, "binarize": True},
        {"dataset": "mnist10k", "epochs": 2.5, "shared_z": False},
        {
            "dataset": "folder:/my pictures",
            "recipe": "smoke",
            "augment": "translation,cutout",
            "g_lr": 3e-5,
            "run_dir": "runs/x",
        },
    ],
)
def test_command_gives_the_same_settings_again(given):
    config = Config(**given)
    words = shlex.split(settings.command(config.as_dict()))
    assert words[:3] == ["python", "-m", "tfgan_train.main"] and words[-1] == "--fresh"
    flags = {}
    for word in words[3:-1]:
        name, equals, value = word.lstrip("-").partition("=")
        flags[name if equals or not name.startswith("no") else name[2:]] = (
            value if equals else str(not name.startswith("no"))
        )
    assert Config(**flags).as_dict() == config.as_dict() | {"run_dir": ""}


def test_settings_are_sorted_by_where_they_come_from():
    config = Config(dataset="mnist10k", steps=77).as_dict()
    groups = settings.sort(config)
    assert set(groups.chosen) == {"dataset", "recipe", "steps"}
    assert groups.by_recipe["penalty"] == "r1" and "seed" in groups.plain
    assert set(groups.chosen) | set(groups.by_recipe) | set(groups.plain) == set(config)
    # A recipe that this installation lacks, and a setting of another version.
    strange = settings.sort(config | {"recipe": "no_such_recipe", "warp": 9})
    assert strange.chosen["warp"] == 9 and strange.chosen["penalty"] == "r1"
    assert "--penalty=r1" in settings.command(config | {"recipe": "no_such_recipe"})
