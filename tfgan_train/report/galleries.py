"""The page's picture sections: samples, their course, interpolation, neighbours, the game."""

from tfgan_train.common.images import is_picture
from tfgan_train.common.numbers import is_count, is_number
from tfgan_train.pictures import animation
from tfgan_train.report import data_uris
from tfgan_train.report.templates import macros
from tfgan_train.runs.facts import RunFacts

MAX_GRIDS = 24
# Bytes of image; together, and a third more as base64, they keep the page below 6 MB.
_GRID_BYTES = 80_000
_ANIMATION_BYTES = 900_000
_STRIPS_BYTES = 400_000
_PICTURE_BYTES = 250_000
_MOST = {"rows": 100, "columns": 100, "tile_width": 10_000, "tile_height": 10_000}  # of a game: more is damage


def samples(run: RunFacts) -> str:
    """The same latents at steps from early to late under a slider, real images beside them."""
    steps = run.steps_of("step")
    if not steps:
        return ""
    steps = [steps[index] for index in animation.evenly(len(steps), MAX_GRIDS)]
    grids = [(step, data_uris.data_uri(path, _GRID_BYTES)) for step, path in steps]
    real = run.picture("real.png")
    beside = data_uris.data_uri(real, _GRID_BYTES) if real else ""
    return macros("galleries").samples(grids, f"{steps[-1][0]:,}", beside)


def course(run: RunFacts) -> str:
    """The strips, a row for each step and a column for each of the fixed latents, and the animation."""
    strips, rows, poster, source, beside = "", 0, "", "", ""
    rows_of_steps = run.steps_of("strip")
    if rows_of_steps:
        steps, paths = zip(*rows_of_steps, strict=True)
        rows = len(animation.evenly(len(paths), animation.MAX_STRIPS))
        strips = data_uris.picture_uri(animation.strips(paths, [f"{step:,}" for step in steps]), _STRIPS_BYTES)
    moving = next((path for path in (run.path / "progress.webp", run.path / "progress.gif") if is_picture(path)), None)
    if moving:  # It stands behind a still, so that nothing moves unasked.
        source = data_uris.animation_uri(moving, _ANIMATION_BYTES) or moving.name
        beside = "" if source.startswith("data:") else moving.name
        grids = run.steps_of("step")
        poster = data_uris.data_uri(grids[-1][1], _GRID_BYTES) if grids else source
    return macros("galleries").course(strips, rows, poster, source, beside) if strips or source else ""


def interpolation(run: RunFacts) -> str:
    """samples/interpolation.png, where it is there."""
    words = (
        "Each row goes from one latent to another in equal steps. Smooth changes show that G "
        "learnt more than single images."
    )
    return _wide_picture(run, "interpolation.png", words)


def codes(run: RunFacts) -> str:
    """samples/codes.png, where G takes codes."""
    path = run.picture("codes.png")
    if not path:
        return ""
    sizes = [size for size in str(run.config.get("code_categories", "")).split(",") if size]
    rows = [f"c{i} through its {size} categories" for i, size in enumerate(sizes)]
    rows += [f"u{i} from -1 to 1" for i in range(run.config.get("code_continuous") or 0)]
    return _wide_figure(path, f"One latent; each row changes one code alone. From the top: {', '.join(rows)}.")


def attributes(run: RunFacts) -> str:
    """samples/attributes.png, where G takes attributes."""
    words = "For each attribute the same samples without it (above) and with it (below); all else stays."
    return _wide_picture(run, "attributes.png", words)


def directions(run: RunFacts) -> str:
    """samples/directions.png, where G has styles."""
    words = (
        "One sample, in the middle column; each row moves its w along one of SeFa's directions, the strongest on top, "
        "from -2 to 2."
    )
    return _wide_picture(run, "directions.png", words)


def nearest(run: RunFacts) -> str:
    """samples/nearest.png with the facts of nearest.json, where they are there."""
    path = run.picture("nearest.png")
    if not path:
        return ""
    facts = {name: value for name, value in run.facts_of("nearest").items() if is_number(value)}
    told = []
    if facts.get("train_count"):
        told.append(f"Searched among {facts['train_count']:,} training images, by pixel distance (0 to 255).")
    if "median" in facts and "smallest" in facts:
        told.append(f"Median distance {facts['median']:,.0f}, smallest {facts['smallest']:,.0f}.")
    if "held_out_median" in facts:
        told.append(
            f"Held-out real images lie {facts['held_out_median']:,.0f} from their nearest training image (median): "
            "samples that were copied would lie far nearer than that."
        )
    if facts.get("exact_copies"):
        told.append(f"{facts['exact_copies']} of the samples shown are exact copies.")
    return _wide_figure(path, " ".join(["Left in each pair a sample, right its nearest training image.", *told]))


def game(run: RunFacts) -> str:
    """Spot the fake, where samples/spot.png and its key are there; the key shows when asked for."""
    path, key = run.picture("spot.png"), run.facts_of("spot")
    if not path or not _is_key(key):
        return ""
    rows, columns, padding = key["rows"], key["columns"], key["padding"]
    width = padding + columns * (key["tile_width"] + padding)
    height = padding + rows * (key["tile_height"] + padding)
    tiles = []
    for index in range(rows * columns):
        row, column = divmod(index, columns)
        left, top = padding + column * (key["tile_width"] + padding), padding + row * (key["tile_height"] + padding)
        style = (
            f"left:{100 * left / width:.3f}%;top:{100 * top / height:.3f}%;"
            f"width:{100 * key['tile_width'] / width:.3f}%;height:{100 * key['tile_height'] / height:.3f}%"
        )
        tiles.append((style, row + 1, column + 1))
    return macros("galleries").game(data_uris.data_uri(path, _PICTURE_BYTES), key["fake"], columns, tiles)


def _is_key(key: dict) -> bool:
    """Whether it is what spot_the_fake.make_game gives, and undamaged."""
    sizes = [key.get(name) for name in _MOST]
    whole = all(is_count(size) and 0 < size <= most for size, most in zip(sizes, _MOST.values(), strict=True))
    return (
        whole and is_count(key.get("padding")) and isinstance(key.get("fake"), list) and all(map(is_count, key["fake"]))
    )


def _wide_picture(run: RunFacts, name: str, caption: str) -> str:
    """One of the run's pictures; empty where it isn't there."""
    path = run.picture(name)
    return _wide_figure(path, caption) if path else ""


def _wide_figure(path, caption: str) -> str:
    return macros("common").figure(data_uris.data_uri(path, _PICTURE_BYTES), caption, wide=True)
