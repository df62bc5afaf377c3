"""The web page in headless Chromium: its canvases equal Python's pictures, its controls work."""

import functools
import json
import pathlib
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from export.demo.web import __main__ as web
from tests import exporting, needs
from tests.exporting import exported, python
from tests.headless import browser
from tfgan_train import load
from tfgan_train.ops.latents import latents
from tfgan_train.runs.directions import principal
from tfgan_train.runs.paths import loop
from tfgan_train.runs.sampler import Sampler
from tfgan_train.runs.walks import seeded

pytestmark = pytest.mark.browser

PAGE = pathlib.Path(web.PAGE)
# The pixels of one canvas, without the opacity.
PIXELS = """const canvas = arguments[0];
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            return [canvas.height, canvas.width, Array.from(data)];"""


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory):
    """LiteRT.js: beside the page where it was installed, else by `npm ci` in a copy."""
    try:
        return web.find_node_modules("")
    except FileNotFoundError:
        pass
    if not shutil.which("npm"):
        needs.missing("LiteRT.js (npm ci in export/demo/web)")
    folder = tmp_path_factory.mktemp("page")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PAGE / name, folder)
    try:
        subprocess.run(
            ["npm", "ci", "--prefer-offline", "--no-audit", "--fund=false"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except subprocess.SubprocessError as error:
        needs.missing(f"LiteRT.js (npm ci in export/demo/web: {error})")
    return web.find_node_modules(str(folder / "node_modules"))


@pytest.fixture(scope="module")
def window(tmp_path_factory, node_modules):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def open_page(window, node_modules):
    """Opens the page on an exported file and waits until it has drawn; the server stops afterwards."""
    servers = []

    def opened(model):
        server = web.serve(model, node_modules, 0)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        window.log()
        window.open(f"http://127.0.0.1:{server.server_port}/")
        wait(window, "document.body.dataset.drawn || document.querySelector('#status.error')")
        return window

    yield opened
    for server in servers:
        server.shutdown()
        server.server_close()


def wait(page, condition, seconds=30):
    end = time.monotonic() + seconds
    while not page.run(f"return {condition}"):
        assert time.monotonic() < end, f"not within {seconds} s: {condition}; {page.log()}"
        time.sleep(0.05)


def after_drawing(page, action):
    """Does something to the page and waits until it has drawn anew."""
    drawn = page.run("return document.body.dataset.drawn")
    action()
    wait(page, f"document.body.dataset.drawn > {drawn}")


def canvas(page, selector, channels):
    height, width, data = page.run(PIXELS.replace("arguments[0]", f"document.querySelector('{selector}')"))
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :channels]


def grid(page, channels):
    return np.stack([canvas(page, f"#grid button:nth-child({i}) canvas", channels) for i in range(1, 17)])


def assert_calm(page):
    """Nothing in the console that a person must act on: no error, no failed request."""
    assert [entry for entry in page.log() if entry["level"] == "SEVERE"] == []


def expected(kind, seed, label=None):
    return load(exporting.run(kind)).generate(16, seed, label)


def set_seed(page, seed):
    page.run(
        "const box = document.getElementById('seed'); box.value = arguments[0]; box.dispatchEvent(new Event('change'))",
        seed,
    )


@pytest.mark.parametrize("kind", exporting.FROM_THE_MIDDLE)
def test_canvases_equal_python_s_pictures(open_page, kind):
    page = open_page(exported(kind) / "generator.tflite")
    channels = 3 if kind == "odd" else 1
    for seed in (7, -3):
        after_drawing(page, functools.partial(set_seed, page, seed))
        difference = np.abs(grid(page, channels).astype(int) - expected(kind, seed))
        assert difference.max() <= 1
    assert_calm(page)
    assert "ms per image" in page.run("return document.getElementById('status').textContent")
    assert kind in page.run("return document.title")


def test_a_fully_quantised_file_is_refused_in_a_sentence(open_page):
    """LiteRT.js has no int8 tensors."""
    page = open_page(exported("dcgan") / "generator_int8.tflite")
    text = page.run("return document.getElementById('status').textContent")
    assert text.startswith("Error: this .tflite takes int8 numbers")


@pytest.mark.parametrize("kind", ["mlp", "dcgan", "attributes"])
def test_javascript_of_the_card_runs(open_page, kind):
    """As it stands but for the import, which a function must await, and the name that the server has for the file."""
    page = open_page(exported(kind) / "generator.tflite")
    code = re.search(r"```js\n(.+?)\n```", (exported(kind) / "MODEL_CARD.md").read_text(), re.DOTALL)[1]
    code = re.sub(r"import (\{.+\}) from '(.+)';", r"const \1 = await import('\2');", code).replace(
        "generator.tflite", "model.tflite"
    )
    grey = page.run(f"""return import('@litertjs/core').then(runtime => runtime.unloadLiteRt()).then(async () => {{
        {code}
        return Array.from(grey);
    }})""")
    image = expected(kind, 7, label=0 if kind == "dcgan" else None)[0]
    assert np.abs(np.array(grey).reshape(image.shape) - image).max() <= 1


def test_labels_and_next_seed(open_page):
    page = open_page(exported("dcgan") / "generator.tflite")
    choose = "const box = document.getElementById('label'); box.value = 4; box.dispatchEvent(new Event('change'))"
    after_drawing(page, lambda: page.run(choose))
    assert np.abs(grid(page, 1).astype(int) - expected("dcgan", 7, label=4)).max() <= 1
    after_drawing(page, lambda: page.click("#next"))
    assert np.abs(grid(page, 1).astype(int) - expected("dcgan", 8, label=4)).max() <= 1
    assert page.run("return document.querySelector('#grid button').title") == "image 0, label 4"
    assert_calm(page)


def test_attributes_are_chosen_or_the_seed_s(open_page):
    page = open_page(exported("attributes") / "generator.tflite")
    choose = "const box = document.querySelector('[name=even]'); box.value = 1; box.dispatchEvent(new Event('change'))"
    after_drawing(page, lambda: page.run(choose))
    images = load(exporting.run("attributes")).generate(16, 7, attributes={"even": 1})
    assert np.abs(grid(page, 1).astype(int) - images).max() <= 1
    assert page.run("return document.querySelector('#grid button').title").startswith("image 0, even")
    # At the slider's end stands the marked image itself, drawn from its z and its attributes.
    after_drawing(page, lambda: _set(page, "share", 1))
    assert np.abs(canvas(page, "#between", 1).astype(int) - images[1]).max() <= 1
    assert_calm(page)


def test_codes_are_fixed_or_the_seed_s(open_page):
    page = open_page(exported("odd") / "generator.tflite")
    fix = """const [c0, u1] = ['c0', 'u1'].map(name => document.querySelector(`[name=${name}]`));
             u1.parentElement.querySelector('[type=checkbox]').click(); u1.value = -0.5; c0.value = 2;
             c0.dispatchEvent(new Event('input'))"""
    run = load(exporting.run("odd")).loaded

    def check(code):
        images = Sampler(run.generator, run.config, run.data, code).images(16, 7)
        assert np.abs(grid(page, 3).astype(int) - images).max() <= 1

    check({})
    after_drawing(page, lambda: page.run(fix))
    check({"c0": 2, "u1": -0.5})
    assert_calm(page)


def test_slider_walks_from_one_marked_image_to_the_other(open_page):
    page = open_page(exported("mlp") / "generator.tflite")
    slide = "const box = document.getElementById('share'); box.value = {}; box.dispatchEvent(new Event('input'))"
    images = expected("mlp", 7)
    for share, end in ((0, 0), (1, 1)):
        after_drawing(page, functools.partial(page.run, slide.format(share)))
        assert np.abs(canvas(page, "#between", 1).astype(int) - images[end]).max() <= 1
    after_drawing(page, lambda: page.click("#grid button:nth-child(9)"))
    assert np.abs(canvas(page, "#between", 1).astype(int) - images[8]).max() <= 1
    after_drawing(page, lambda: page.run(slide.format(0.5)))
    run = load(exporting.run("mlp")).loaded
    z = latents(7, [1, 8], 9, "uniform").numpy().mean(0, keepdims=True)
    sampler = Sampler(run.generator, run.config, run.data)
    middle = sampler.at(z).numpy()[0]
    assert np.abs(canvas(page, "#between", 1).astype(int) - middle).max() <= 1
    assert_calm(page)


def _set(page, name, value):
    change = "const box = document.getElementById(arguments[0]); box.value = arguments[1];"
    page.run(f"{change} box.dispatchEvent(new Event('input'))", name, value)


def test_truncation_and_directions_move_the_whole_grid(open_page):
    page, run = open_page(exported("dcgan") / "generator.tflite"), load(exporting.run("dcgan"))
    after_drawing(page, lambda: _set(page, "truncation", 0.5))
    assert np.abs(grid(page, 1).astype(int) - run.generate(16, 7, truncation=0.5)).max() <= 1
    after_drawing(page, lambda: _set(page, "truncation", 1))
    after_drawing(page, lambda: _set(page, "direction", 1))
    after_drawing(page, lambda: _set(page, "strength", -3))
    loaded = run.loaded
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    start = seeded(sampler, 7, 16)
    moved = start.values - 3 * principal(loaded.generator, 9)[1]
    assert np.abs(grid(page, 1).astype(int) - next(sampler.of(moved, start.label))).max() <= 1
    assert_calm(page)


def test_directions_and_walks_of_styles_are_of_w(open_page):
    page, loaded = open_page(exported("style") / "generator.tflite"), load(exporting.run("style")).loaded
    after_drawing(page, lambda: _set(page, "truncation", 0.5))
    after_drawing(page, lambda: _set(page, "direction", 1))
    after_drawing(page, lambda: _set(page, "strength", -3))
    sampler = Sampler(loaded.generator, loaded.config, loaded.data, truncation=0.5)
    start = seeded(sampler, 7, 16)
    w = sampler.styles(start.values, start.label) - 3 * principal(loaded.generator, 9)[1]
    assert np.abs(grid(page, 1).astype(int) - next(sampler.of_w(w))).max() <= 1
    after_drawing(page, lambda: _set(page, "share", 0.5))
    middle = next(sampler.of_w(w[:2].mean(0, keepdims=True)))[0]
    assert np.abs(canvas(page, "#between", 1).astype(int) - middle).max() <= 1
    assert_calm(page)


def test_walk_goes_through_all_latents_until_it_is_stopped(open_page):
    page, loaded = open_page(exported("mlp") / "generator.tflite"), load(exporting.run("mlp")).loaded
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    points, _ = loop(seeded(sampler, 7, 16).values, 1_000_000, normal=False)
    page.click("#play")
    places = []
    for _ in range(2):
        wait(page, f"document.body.dataset.place && document.body.dataset.place != '{places[-1] if places else ''}'")
        read = PIXELS.replace("arguments[0]", "document.getElementById('between')")
        place, (height, width, data) = page.run(f"return [document.body.dataset.place, (() => {{ {read} }})()]")
        image = np.array(data, np.uint8).reshape(height, width, 4)[..., :1]
        expected_image = sampler.at(points[[int(float(place) * 1_000_000)]].astype(np.float32)).numpy()[0]
        assert np.abs(image.astype(int) - expected_image).max() <= 2
        places.append(place)
    page.click("#play")
    time.sleep(0.3)
    stopped = page.run("return document.body.dataset.place")
    time.sleep(0.3)
    assert page.run("return document.body.dataset.place") == stopped
    assert page.run("return document.getElementById('play').textContent") == "Walk through all"
    assert_calm(page)


def test_page_says_what_is_wrong(open_page, tmp_path):
    (tmp_path / "other.tflite").write_bytes(b"\x10\0\0\0TFL3" + bytes(64))
    page = open_page(tmp_path / "other.tflite")
    assert page.run("return document.getElementById('status').textContent").startswith("Error: ")
    (tmp_path / "archive.tflite").write_bytes(b"PK\3\4" + bytes(64))
    page = open_page(tmp_path / "archive.tflite")
    assert page.run("return document.getElementById('status').textContent") == "Error: this is not a .tflite file"
    page = open_page(exported("mlp") / "generator.tflite")
    after_drawing(page, lambda: set_seed(page, 3e9))
    assert "whole number from -2147483648" in page.run("return document.querySelector('#status.error').textContent")
    after_drawing(page, lambda: set_seed(page, 1))
    assert page.run("return document.querySelector('#status.error')") is None


def test_server_gives_the_page_and_nothing_else(node_modules, tmp_path):
    server = web.serve(exported("mlp") / "generator.tflite", node_modules, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def status(path):
        try:
            with direct.open(f"http://127.0.0.1:{server.server_port}{path}", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert status("/") == status("/model.tflite") == status("/node_modules/@litertjs/core/package.json") == 200
    for path in (
        "/__main__.py",
        "/../../main.py",
        "/node_modules/@litertjs/../../package.json",
        "/node_modules/.package-lock.json",
    ):
        assert status(path) == 404
    server.shutdown()
    server.server_close()


def test_command_says_what_is_missing(tmp_path):
    for arguments, words in (
        ([f"--model={tmp_path / 'none.tflite'}"], "is not a file"),
        ([], "--model"),
        ([f"--model={exported('mlp') / 'generator.tflite'}", f"--node_modules={tmp_path}"], "npm ci"),
    ):
        done = python("-m", "export.demo.web", *arguments)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_lock_file_pins_the_runtime_and_names_no_host():
    lock = json.loads((PAGE / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all(entry["integrity"] and "resolved" not in entry for entry in packages.values())
    wanted = json.loads((PAGE / "package.json").read_text())["dependencies"]["@litertjs/core"]
    assert packages["node_modules/@litertjs/core"]["version"] == wanted
