"""Looking at data before training: whatever is wrong with a folder is found, and the advice is sound."""

import pathlib
import shlex
import shutil
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from tests import processes
from tests.data_fixtures import config, image_bytes, random_images
from tfgan_train import Config, UserError, data
from tfgan_train.inspection import duplicates, findings, gather, measure, page, perceptual, recommend, text

ROOT = pathlib.Path(__file__).parent.parent


def picture(seed: int, size: int = 48) -> Image.Image:
    """A smooth coloured picture, unlike that of any other seed, as photographs are."""
    noise = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8))
    return noise.resize((size, size), Image.Resampling.BICUBIC)


def section(facts, key: str) -> findings.Section:
    return next(one for one in findings.sections(facts) if one.key == key)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """100 good pictures of two classes, and 50 files that are damaged, renamed or duplicated."""
    root = tmp_path_factory.mktemp("mixed")
    for number in range(100):
        path = root / ("cat" if number < 60 else "dog") / f"{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        picture(number).save(path)
    good = sorted(root.rglob("*.png"))
    rng, wrong = np.random.default_rng(0), {}
    for number in range(50):
        origin = good[int(rng.integers(len(good)))]
        kind = ("cut", "empty", "text", "jpeg.png", "lost", "copy", "stored again", "small", "bright", "blurred")[
            number % 10
        ]
        wrong[_spoil(root, origin, kind, number)] = (kind, origin)
    return root, wrong, gather.gather(config(f"folder:{root}", max_bad_fraction=0.5, image_size="32"))


def _spoil(root, origin, kind: str, number: int) -> str:
    """Writes one bad file made of `origin`, and returns its name below `root`."""
    content, image = origin.read_bytes(), Image.open(origin)
    ending = {
        "jpeg.png": "png",
        "lost": "bak",
        "small": "jpg",
        "bright": "png",
        "blurred": "webp",
        "stored again": "bmp",
    }
    name = f"{origin.parent.name}/wrong{number}.{ending.get(kind, 'png')}"
    write = {
        "cut": lambda: content[: len(content) // 2],
        "empty": lambda: b"",
        "text": lambda: b"<html>404 not found</html>",
        "jpeg.png": lambda: image_bytes(picture(1000 + number), "JPEG"),
        "lost": lambda: content,
        "copy": lambda: content,
        "stored again": lambda: image_bytes(image, "BMP"),
        "small": lambda: image_bytes(image.resize((40, 40)), "JPEG", quality=80),
        "bright": lambda: image_bytes(ImageEnhance.Brightness(image).enhance(1.15)),
        "blurred": lambda: image_bytes(image.filter(ImageFilter.GaussianBlur(1)), "WEBP", quality=90),
    }[kind]
    (root / name).write_bytes(write())
    return name


def test_every_one_of_fifty_bad_files_is_found(mixed):
    root, wrong, facts = mixed
    damaged, misnamed, hidden = dict(facts.damaged), dict(facts.misnamed), dict(facts.hidden)
    groups = {
        kind: [{facts.name(one) for one in group} for group in getattr(facts.duplicates, kind)]
        for kind in ("exact", "near")
    }
    assert Counter(kind for kind, _ in wrong.values()).total() == 50
    for name, (kind, origin) in wrong.items():
        first = origin.relative_to(root).as_posix()
        if kind in ("cut", "empty", "text"):
            assert name in damaged, kind
        elif kind == "jpeg.png":
            assert misnamed[name] == "is a JPEG"
        elif kind == "lost":
            assert "PNG" in hidden[name] and name in dict(facts.ignored)
        elif kind in ("copy", "stored again"):
            assert any({name, first} <= group for group in groups["exact"]), kind
        else:
            # Near copies of one picture are one group, led by the picture.
            assert any({name, first} <= group for group in groups["near"]), (kind, name)
    # Nothing else: no good picture is blamed.
    named = set(damaged) | set(misnamed) | set(hidden)
    assert named == {name for name, (kind, _) in wrong.items() if kind in ("cut", "empty", "text", "jpeg.png", "lost")}
    origins = {name: origin.relative_to(root).as_posix() for name, (_, origin) in wrong.items()}
    for group in groups["exact"] + groups["near"]:
        assert len({origins.get(name, name) for name in group}) == 1


def test_what_it_says_is_what_training_does(mixed):
    _, wrong, facts = mixed
    loaded = data.load(facts.config)
    assert loaded.count == len(facts.splits["train"].rows) and loaded.label_names == facts.label_names
    assert set(loaded.skipped) == set(facts.damaged)
    pixels, labels = loaded.read(np.arange(loaded.count))
    np.testing.assert_array_equal(labels, facts.splits["train"].labels)
    for row, channel in zip(section(facts, "channels").rows, range(3), strict=True):
        scaled = pixels[..., channel] / 255
        assert float(row[1]) == pytest.approx(scaled.mean(), abs=2e-4)
        assert float(row[2]) == pytest.approx(scaled.std(), abs=2e-4)


def test_the_text_and_the_page_name_them(mixed):
    _, wrong, facts = mixed
    found = findings.sections(facts)
    html, plain = page.render(facts, found), text.text(facts.dataset, found)
    for name, (kind, _) in wrong.items():
        assert name in html, kind
    assert "Recommended" in plain and "15 pictures look like another one" in plain
    assert html.count("<img") == 2  # the contact sheet and the near duplicates


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ([(48, 48)] * 4, None),
        ([(48, 48), (60, 52), (90, 80)], "32"),
        ([(300, 300)] * 3, "64"),
        ([(100, 200), (110, 222), (90, 178)], "64x128"),
        ([(200, 100), (222, 110), (178, 90)], "128x64"),
    ],
)
def test_the_recommended_command_loads(tmp_path, sizes, expected):
    for number, (height, width) in enumerate(sizes):
        picture(number).resize((width, height)).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    command = recommend.command(gather.gather(config(f"folder:{tmp_path}")))
    given = dict(part[2:].split("=", 1) for part in shlex.split(command) if part.startswith("--"))
    assert given.get("image_size") == expected and int(given["batch_size"]) <= len(sizes)
    wanted = Config(**given)
    assert data.load(wanted).count == len(sizes)


def test_splits_leaks_and_contradictions(tmp_path):
    for number, name in enumerate(
        ["train/a/0", "train/a/1", "train/b/2", "test/a/3", "test/b/4", "val/b/5", "notes/6"]
    ):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path)
    shutil.copy(tmp_path / "train/a/0.png", tmp_path / "test/a/again.png")
    shutil.copy(tmp_path / "train/a/1.png", tmp_path / "train/b/again.png")
    (tmp_path / "train/a/.thumb.png").write_bytes(b"")
    facts = gather.gather(config(f"folder:{tmp_path}"))
    assert {name: split.count for name, split in facts.splits.items()} == {"train": 4, "test": 3}
    assert section(facts, "leaks").rows == (("same", "train/a/0.png = test/a/again.png"),)
    assert section(facts, "labels").rows == (("a, b", "train/a/1.png = train/b/again.png"),)
    reasons = dict(facts.ignored)
    assert reasons["train/a/.thumb.png"] == "hidden" and reasons["val/b/5.png"] == "val/ isn't used"
    assert "notes/6.png" in reasons


def test_sixteen_bit_pictures_tell_their_range(tmp_path):
    for number in range(3):
        values = np.random.default_rng(number).integers(100, 4000, (40, 40)).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / f"{number}.png")
    facts = gather.gather(config(f"folder:{tmp_path}"))
    assert dict(section(facts, "wide").rows)["pictures"] == "3"
    assert "--value_range=auto" in recommend.command(facts)


def test_arrays_are_looked_at_too(tmp_path):
    images = np.stack([np.asarray(picture(number, 28)) for number in range(12)])
    images[7] = images[2]
    images[9] = 50
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(12) % 3, x_test=images[:3], y_test=np.arange(3))
    facts = gather.gather(config(f"npz:{tmp_path}/x.npz"))
    assert {name: split.count for name, split in facts.splits.items()} == {"train": 12, "test": 3}
    assert (2, 7, 14) in facts.duplicates.exact and len(section(facts, "leaks").rows) == 3
    assert section(facts, "blank").rows == (("train 9",),)
    assert "<img" in page.render(facts, findings.sections(facts))


def test_near_pairs_are_those_that_comparing_all_finds():
    """Against a plain double loop over the definition."""
    originals = [np.asarray(picture(number)) for number in range(60)]
    rng = np.random.default_rng(1)
    changed = [np.clip(one + rng.normal(0, 6, one.shape), 0, 255).astype(np.uint8) for one in originals[:20]]
    rows = measure.measure_arrays(np.stack(originals + changed), 0)
    hashes, thumbs = rows["perceptual"], rows["thumb"].reshape(80, -1).astype(float)
    alike = {
        (i, j): bin(int(hashes[i]) ^ int(hashes[j])).count("1")
        for i in range(80)
        for j in range(i + 1, 80)
        if np.corrcoef(thumbs[i], thumbs[j])[0, 1] > 0.97
    }
    found = set(map(tuple, perceptual.near_pairs(hashes, rows["thumb"]).tolist()))
    assert {pair for pair, bits in alike.items() if bits <= perceptual.SURE_BITS} <= found
    assert found <= {pair for pair, bits in alike.items() if bits <= perceptual.MOST_BITS}
    assert {(i, 60 + i) for i in range(20)} <= found


def test_many_hashes_are_compared_in_little_time():
    """60,000 hashes: all pairs would be 1,800 million comparisons."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 30_000, dtype=np.uint64)
    hashes = np.concatenate([hashes, hashes ^ np.uint64(0b1000000100000010000001)])  # four bits away
    thumbs = np.tile(rng.integers(0, 256, (1, 16, 16), np.uint8), (60_000, 1, 1))
    pairs = perceptual.near_pairs(hashes, thumbs)
    assert {(i, i + 30_000) for i in range(0, 30_000, 997)} <= set(map(tuple, pairs.tolist()))


def test_exact_groups_of_rows():
    rows = measure.measure_arrays(random_images(6)[[0, 1, 0, 2, 1, 0]], 0)
    assert duplicates.find(rows).exact == ((0, 2, 5), (1, 4)) and duplicates.find(rows).copies == 3


def test_points_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="points"):
        gather.gather(config("ring2d"))
    with pytest.raises(UserError, match="no images under"):
        gather.gather(config(f"folder:{tmp_path}"))


@pytest.mark.slow
def test_the_command(mixed, tmp_path):
    root, _, _ = mixed
    done = processes.run(
        [sys.executable, "-m", "tfgan_train.inspect_data", f"--dataset=folder:{root}", f"--out={tmp_path}/x.html"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert "--max_bad_fraction=0.12" in done.stdout and (tmp_path / "x.html").stat().st_size > 10_000
