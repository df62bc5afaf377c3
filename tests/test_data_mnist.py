"""MNIST with and without a network, the shipped digits, and how fast a blocked network is noticed."""

import hashlib
import http.server
import json
import pathlib
import shutil
import socket
import sys
import threading
import time

import numpy as np
import pytest

from tests.data_fixtures import config
from tfgan_train import data
from tfgan_train.common.errors import UserError
from tfgan_train.data import NoSuchSplit, mnist10k, network, tfds

# SHA-256 of the first 10,000 images with their labels, sorted, from the published IDX files.
PUBLISHED = "eec4e4e9cb380132fdbd0240e2be87aa40e40a95d28c126161cf20f1bc86c121"
ASSETS = pathlib.Path(mnist10k.__file__).parent / "assets"


def test_the_shipped_digits_are_the_mnist_training_set_s_first_ten_thousand():
    digits = data.load(config("mnist10k"))
    images, labels = digits.read(np.arange(digits.count))
    assert images.shape == (10_000, 28, 28, 1) and digits.label_names == tuple("0123456789")
    # Class counts of the first 10,000 labels as published (train-labels-idx1-ubyte).
    np.testing.assert_array_equal(np.bincount(labels), [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978])
    whole = b"".join(
        sorted(image.tobytes() + bytes([label]) for image, label in zip(images, labels.tolist(), strict=True))
    )
    assert hashlib.sha256(whole).hexdigest() == PUBLISHED


def test_every_prefix_of_the_shipped_digits_is_balanced():
    _, labels = data.load(config("mnist10k")).read(np.arange(10_000))
    share = np.bincount(labels) / 10_000
    for count in (20, 100, 1000, 5000):
        np.testing.assert_allclose(np.bincount(labels[:count], minlength=10), share * count, atol=1.5)


def test_the_assets_are_small_and_say_where_they_come_from():
    assert sum(file.stat().st_size for file in ASSETS.iterdir() if file.is_file()) < 2_000_000
    assert "mnist 1.1.0" in json.loads((ASSETS / "digits.json").read_text())["source"]
    assert "MIT License" in (ASSETS / "LICENSE-digits.txt").read_text()


def test_the_shipped_digits_have_no_test_split():
    with pytest.raises(NoSuchSplit, match="mnist10k has no test split"):
        data.load(config("mnist10k"), "test")
    assert data.load_held_out(config("mnist10k")) is None


def _cut_mosaic(folder):
    (folder / "digits.webp").write_bytes((folder / "digits.webp").read_bytes()[:5000])


def _drop_mosaic(folder):
    (folder / "digits.webp").unlink()


def _change_label(folder):
    facts = json.loads((folder / "digits.json").read_text())
    facts["labels"] = "9" + facts["labels"][1:]
    (folder / "digits.json").write_text(json.dumps(facts))


def _cut_facts(folder):
    (folder / "digits.json").write_text((folder / "digits.json").read_text()[:100])


@pytest.mark.parametrize("harm", [_cut_mosaic, _drop_mosaic, _change_label, _cut_facts])
def test_damaged_assets_are_noticed(tmp_path, harm):
    copy = tmp_path / "assets"
    shutil.copytree(ASSETS, copy)
    mnist10k.read_assets(copy)
    harm(copy)
    with pytest.raises(UserError, match="shipped digits in .*install the package again"):
        mnist10k.read_assets(copy)


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path.rpartition("/")[2]))
        self.end_headers()

    def log_message(self, *_):
        """Keeps the test's output clean."""


@pytest.fixture
def web():
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent():
    """The address of a host that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/file"


@pytest.fixture(autouse=True)
def _no_memory_of_other_tests(monkeypatch):
    monkeypatch.setattr(network, "_answers", {})


def test_reachable_hosts(web):
    assert network.why_unreachable(f"{web}/200") == ""
    # A refusal of one file is for TFDS to report; it meets it without retrying.
    assert network.why_unreachable(f"{web}/404") == ""
    assert network.why_unreachable(f"{web}/503") == "HTTP status 503"
    assert network.why_unreachable("ftp://nowhere.invalid/x") == ""


def test_a_silent_host_is_given_up_in_time(silent):
    begin = time.monotonic()
    assert network.why_unreachable(silent, patience=0.3) == "no answer within 0.3 seconds"
    assert time.monotonic() - begin < 2
    assert network.PATIENCE <= 4


def test_a_name_that_resolves_to_nothing_for_long_is_given_up_in_time(monkeypatch):
    enough = threading.Event()

    def resolve(*_, **__):
        enough.wait(10)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    begin = time.monotonic()
    assert network.why_unreachable("http://slow.invalid/x", patience=0.2) == "no answer within 0.2 seconds"
    assert time.monotonic() - begin < 2
    enough.set()


def test_a_closed_port_is_noticed_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    begin = time.monotonic()
    assert network.why_unreachable(f"http://127.0.0.1:{port}/x").startswith("no connection")
    assert time.monotonic() - begin < 1


def test_one_run_asks_the_network_once(monkeypatch):
    asked = []
    monkeypatch.setattr(network, "_ask", lambda url, patience: asked.append(url) or "no")
    for _ in range(3):
        assert network.why_unreachable("http://a.invalid/x") == "no"
    assert asked == ["http://a.invalid/x"]


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No prepared MNIST anywhere and no network."""
    monkeypatch.setattr(network, "_ask", lambda url, patience: "no connection: ConnectionError")
    find = tfds.find_builder
    monkeypatch.setattr(tfds, "find_builder", lambda name, data_dir: find(name, data_dir or str(tmp_path / "default")))
    return tmp_path


def test_offline_mnist_is_the_shipped_digits_with_one_note(offline, capfd):
    digits = data.load(config("mnist"))
    assert digits.count == 10_000
    assert len(digits.notes) == 1
    for words in ("10,000 real digits that ship", "no prepared mnist", "can't be downloaded", "no connection"):
        assert words in digits.notes[0]
    assert "\n" not in digits.notes[0]
    assert data.load_held_out(config("mnist")) is None
    assert not list(offline.iterdir())
    assert "dataset_info" not in "".join(capfd.readouterr())  # TFDS's own warnings would be a second note


def test_a_download_that_breaks_off_falls_back_too(offline, monkeypatch):
    monkeypatch.setattr(network, "_ask", lambda url, patience: "")

    class Broken:
        url_infos = {"http://a.invalid/x": None}
        data_path = offline

        def download_and_prepare(self):
            raise ConnectionResetError("connection reset by peer\nand more lines")

    monkeypatch.setattr(tfds, "find_builder", lambda name, data_dir: Broken())
    digits = data.load(config("mnist", data_dir="/data"))
    assert digits.count == 10_000
    assert "no prepared mnist in /data" in digits.notes[0] and "(connection reset by peer)" in digits.notes[0]


def test_mnist_without_the_tfds_package_is_the_shipped_digits(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    digits = data.load(config("mnist"))
    assert digits.count == 10_000 and "TFDS can't be loaded" in digits.notes[0]
    with pytest.raises(UserError, match="install tensorflow-datasets and importlib_resources"):
        data.load(config("tfds:mnist"))


def test_other_tfds_data_offline_are_an_error(offline):
    with pytest.raises(UserError, match=r"no prepared fashion_mnist .*can't be downloaded \(no connection"):
        data.load(config("tfds:fashion_mnist"))
