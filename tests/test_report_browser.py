"""report.html in a real headless browser: nothing in the console, and all that can be clicked works."""

import io
import json
import os

import numpy as np
import pytest
from PIL import Image

from tests.headless import browser
from tests.made_run import make_run
from tfgan_train.report.page import write_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(window, made):
    window.look(1200, 900)
    window.open(write_report(made, "finished").as_uri())
    return window


def _text(page, selector):
    return page.run("return document.querySelector(arguments[0]).textContent", selector)


def _shown_step(page):
    return page.run(
        "return [...document.querySelectorAll('#grids img')].filter(i => !i.hidden).map(i => i.dataset.step)"
    )


def test_nothing_in_the_console_and_every_picture_loads(page):
    assert (
        page.run("""return Promise.all([...document.images].map(image => image.decode().then(() => '', String)))
                       .then(errors => errors.filter(Boolean))""")
        == []
    )
    assert page.log() == []


def test_slider_shows_the_step_it_stands_on(page):
    assert _shown_step(page) == ["400"]
    page.type("#grids input", "\ue012\ue012")  # arrow left, twice
    assert _shown_step(page) == ["200"] and _text(page, "#grids output") == "step 200"
    page.type("#grids input", "\ue011")  # home
    assert _shown_step(page) == ["0"]
    assert page.log() == []


def test_play_goes_through_all_grids_and_stops_at_the_last(page):
    page.click("#grids .play")
    assert _shown_step(page) == ["0"]
    steps = page.run("""return new Promise(done => {
      const seen = [], play = document.querySelector('.play');
      const look = () => {
        const step = [...document.querySelectorAll('#grids img')].find(i => !i.hidden).dataset.step;
        if (seen.at(-1) !== step) seen.push(step);
        play.ariaLabel === 'Pause' ? setTimeout(look, 30) : done(seen);
      };
      look(); });""")
    assert steps == ["0", "100", "200", "300", "400"]


def test_game_keeps_score_and_reveals_when_all_are_chosen(page, made):
    fake = json.loads((made / "samples" / "spot.json").read_text())["fake"]
    real = [index for index in range(36) if index not in fake]
    assert page.run("return document.querySelectorAll('.board .hit, .board .missed, .board .wrong').length") == 0
    picked = fake[:9] + real[:3]
    for count, index in enumerate(picked[:-1], 1):
        page.click(f".board button:nth-of-type({index + 1})")
        assert _text(page, ".score") == f"{count} of 12 chosen"
    # A second click takes a choice back.
    page.click(f".board button:nth-of-type({picked[0] + 1})")
    assert _text(page, ".score") == "10 of 12 chosen"
    for index in (picked[0], picked[-1]):
        page.click(f".board button:nth-of-type({index + 1})")
    assert _text(page, ".score").startswith("You found 9 of 12 fakes and accused 3 real images.")
    marks = {
        kind: page.run(
            """return [...document.querySelectorAll('.board button')].flatMap((tile, index) =>
             tile.classList.contains(arguments[0]) ? [index] : [])""",
            kind,
        )
        for kind in ("hit", "missed", "wrong")
    }
    assert marks == {"hit": fake[:9], "missed": fake[9:], "wrong": real[:3]}
    page.click("#game .again")
    assert _text(page, ".score") == "0 of 12 chosen"
    assert page.run("return document.querySelectorAll('.board .hit, [aria-pressed=true]').length") == 0
    page.click("#game .reveal")
    assert page.run("return document.querySelectorAll('.board .missed').length") == 12
    assert page.log() == []


def test_game_by_keyboard(page):
    page.run("document.querySelector('.board button').focus()")
    page.type(".board button", "\ue014\ue015 ")  # right, down, space: keys go to the focused tile
    assert page.run("return document.activeElement.ariaLabel") == "Row 2, column 2"
    assert _text(page, ".score") == "1 of 12 chosen"


def test_tiles_of_the_game_lie_on_the_tiles_of_the_picture(page, made):
    """The clickable places against where the picture's background ends."""
    picture = np.asarray(Image.open(made / "samples" / "spot.png"))
    places = page.run("""const board = document.querySelector('.board').getBoundingClientRect();
      return [...document.querySelectorAll('.board button')].map(tile => {
        const {left, top, width} = tile.getBoundingClientRect();
        return [(left - board.left) / board.width, (top - board.top) / board.height, width / board.width]; })""")
    left, top, width = (np.array(column) * picture.shape[1] for column in zip(*places, strict=True))
    # Padding 4 and tiles of 56, by the picture's own size.
    np.testing.assert_allclose(left.reshape(6, 6), np.tile(4 + 60 * np.arange(6), (6, 1)), atol=1)
    np.testing.assert_allclose(top.reshape(6, 6).T, np.tile(4 + 60 * np.arange(6), (6, 1)), atol=1)
    np.testing.assert_allclose(width, 56, atol=1)


def test_chart_tells_values_by_keyboard_and_pointer(page):
    assert page.run("return document.querySelector('.tip').hidden")
    page.type(".plot", "\ue012")
    told = _text(page, ".tip")
    assert told.startswith("step ") and "discriminator" in told and "generator" in told
    page.click(".plot")
    step = int(_text(page, ".tip").split("discriminator")[0].removeprefix("step ").replace(",", ""))
    assert 180 <= step <= 220  # the middle of 1..400


def test_animation_moves_only_when_asked(page):
    still = page.run("return document.querySelector('#animation img').src")
    page.click("#animation .move")
    assert page.run("return document.querySelector('#animation img').src").startswith("data:image/webp")
    page.click("#animation .move")
    assert page.run("return document.querySelector('#animation img').src") == still


def test_strips_are_uncovered_row_by_row(page):
    page.click("#strips .replay")
    clipped = page.run("return document.querySelector('#strips img').style.clipPath")
    assert clipped.startswith("inset(0px 0px 80%")


def test_command_is_copied_as_one_line(page):
    page.click(".copy")
    assert page.run("return getSelection().toString()") == (
        "python -m tfgan_train.main --dataset=mnist10k --recipe=digits --steps=400 --g_lr=0.003 --fresh"
    )


@pytest.mark.parametrize("dark,width", [(False, 1200), (True, 1200), (True, 390), (False, 320)])
def test_fits_its_width_in_the_colours_that_are_preferred(window, made, dark, width):
    window.look(width, 900, dark)
    window.open(write_report(made, "finished").as_uri())
    assert window.run("return document.documentElement.scrollWidth") == width
    small = window.run("""return [...document.querySelectorAll('main p, main td, main span, main button, figcaption')]
      .filter(e => e.offsetParent && e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 11).length""")
    assert small == 0
    shot = np.asarray(Image.open(io.BytesIO(window.screenshot())).convert("L"))
    assert shot.shape == (900, width)
    # The page's ground is dark or light, and there is text on it.
    assert (np.median(shot) < 60) == dark and shot.std() > 15


def test_running_page_reloads_while_untouched_and_then_only_offers_to(window, made):
    # The page's half-minute clock is kept here, to be rung by hand.
    window.before_load("""const real = setInterval;
      window.setInterval = (ring, every) => every === 30000 ? (window.ring = ring) && 0 : real(ring, every);""")
    window.look(1200, 900)
    window.open(write_report(made, "running").as_uri())
    window.run("window.first = true; ring()")
    window.run("return new Promise(done => setTimeout(done, 300))")
    assert window.run("return [window.first, document.querySelector('#hint').hidden]") == [None, True]
    window.run("window.second = true")
    window.click("#grids .play")
    window.run("ring()")
    assert window.run("return [window.second, document.querySelector('#hint').hidden]") == [True, False]
    window.click("#hint button")
    window.run("return new Promise(done => setTimeout(done, 300))")
    assert window.run("return window.second") is None
    window.open(write_report(made, "finished").as_uri())
    assert window.run("return window.ring") is None and window.log() == []


def test_page_of_a_run_that_went_silent_says_so(window, made):
    written = (made / "metrics.jsonl").stat().st_mtime
    os.utime(made / "metrics.jsonl", (written - 7200, written - 7200))
    window.open(write_report(made, "running").as_uri())
    assert "2 h ago (it may have been interrupted)" in _text(window, ".lead")
    os.utime(made / "metrics.jsonl", (written, written))
