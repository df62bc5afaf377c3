"""The page's picture sections: samples, their course, interpolation, neighbours, the game."""

import json
from html import escape

from tfgan_train.common.images import is_picture
from tfgan_train.pictures import animation
from tfgan_train.report import data_uris
from tfgan_train.runs.facts import RunFacts

MAX_GRIDS = 24
# Bytes of image; together, and a third more as base64, they keep the page below 6 MB.
_GRID_BYTES = 80_000
_ANIMATION_BYTES = 900_000
_STRIPS_BYTES = 400_000
_PICTURE_BYTES = 250_000


def samples(run: RunFacts) -> str:
    """The same latents at steps from early to late under a slider, real images beside them."""
    steps = run.steps_of("step")
    if not steps:
        return ""
    steps = [steps[index] for index in animation.evenly(len(steps), MAX_GRIDS)]
    last = len(steps) - 1
    images = "".join(
        f'<img src="{data_uris.data_uri(path, _GRID_BYTES)}" alt="Samples at step {step:,}" data-step="{step}"'
        f"{'' if index == last else ' hidden'}>"
        for index, (step, path) in enumerate(steps)
    )
    player = f"""<div class="player"><button type="button" class="play" aria-label="Play from early to late">▶</button>
<input type="range" min="0" max="{last}" value="{last}" step="1" aria-label="Training step of the samples">
<output>step {steps[last][0]:,}</output></div>"""
    real = run.picture("real.png")
    beside = _figure(real, "Real images of the training set", _GRID_BYTES) if real else ""
    return f"""<div class="pair"><figure id="grids"><div class="frames">{images}</div>
<figcaption>Samples: the same latents at every step{player if last else ""}</figcaption></figure>{beside}</div>"""


def course(run: RunFacts) -> str:
    """The strips, a row for each step and a column for each of the fixed latents, and the animation."""
    parts = []
    strips = run.steps_of("strip")
    if strips:
        steps, paths = zip(*strips, strict=True)
        rows = len(animation.evenly(len(paths), animation.MAX_STRIPS))
        picture = animation.strips(paths, [f"{step:,}" for step in steps])
        parts.append(f"""<figure id="strips" data-rows="{rows}"><div class="wide">
<img src="{data_uris.picture_uri(picture, _STRIPS_BYTES)}"
alt="Each row is one training step, early at the top; each column is one fixed latent"></div>
<figcaption>Each row is a step, early at the top; each column is one fixed latent.
<button type="button" class="replay">▶ Row by row</button></figcaption></figure>""")
    moving = next((path for path in (run.path / "progress.webp", run.path / "progress.gif") if is_picture(path)), None)
    if moving:
        parts.append(_animation(moving, run))
    return f'<div class="pair">{"".join(parts)}</div>' if parts else ""


def _animation(path, run: RunFacts) -> str:
    """The animation behind a still, so that nothing moves unasked."""
    source = data_uris.animation_uri(path, _ANIMATION_BYTES) or path.name
    embedded = source.startswith("data:")
    note = "" if embedded else f" It is the file {escape(path.name)} beside this page, too large to be in it."
    still = run.steps_of("step")
    poster = data_uris.data_uri(still[-1][1], _GRID_BYTES) if still else source
    return f"""<figure id="animation"><img src="{poster}" data-moving="{escape(source)}"
alt="Animation of the samples from early to late"><figcaption>The samples from early to late.{note}
<button type="button" class="move" aria-pressed="false">▶ Play</button></figcaption></figure>"""


def interpolation(run: RunFacts) -> str:
    """samples/interpolation.png, where it is there."""
    path = run.picture("interpolation.png")
    return (
        _figure(
            path,
            "Each row goes from one latent to another in equal steps. Smooth changes show that G "
            "learnt more than single images.",
            _PICTURE_BYTES,
            wide=True,
        )
        if path
        else ""
    )


def nearest(run: RunFacts) -> str:
    """samples/nearest.png with the facts of nearest.json, where they are there."""
    path = run.picture("nearest.png")
    if not path:
        return ""
    facts = run.facts_of("nearest")
    told = []
    if facts.get("train_count"):
        told.append(f"Searched among {facts['train_count']:,} training images, by pixel distance (0 to 255).")
    if "median" in facts:
        told.append(f"Median distance {facts['median']:,.0f}, smallest {facts['smallest']:,.0f}.")
    if "held_out_median" in facts:
        told.append(
            f"Held-out real images lie {facts['held_out_median']:,.0f} from their nearest training image (median): "
            "samples that were copied would lie far nearer than that."
        )
    if facts.get("exact_copies"):
        told.append(f"{facts['exact_copies']} of the samples shown are exact copies.")
    return _figure(
        path,
        " ".join(["Left in each pair a sample, right its nearest training image.", *told]),
        _PICTURE_BYTES,
        wide=True,
    )


def game(run: RunFacts) -> str:
    """Spot the fake, where samples/spot.png and its key are there; the key shows when asked for."""
    path, key = run.picture("spot.png"), run.facts_of("spot")
    if not path or not key:
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
        tiles.append(
            f'<button type="button" style="{style}" aria-pressed="false" tabindex="{-1 if index else 0}" '
            f'aria-label="Row {row + 1}, column {column + 1}"></button>'
        )
    count = len(key["fake"])
    return f"""<div id="game" data-columns="{columns}" data-key="{escape(json.dumps(key["fake"]))}">
<p>{count} of these {rows * columns} images are fake. Which? Choose {count}; arrow keys work too.</p>
<div class="board"><img src="{data_uris.data_uri(path, _PICTURE_BYTES)}" alt="A grid of real and generated images">
{"".join(tiles)}</div>
<p class="score" role="status">0 of {count} chosen</p>
<p><button type="button" class="reveal">Show the answer</button>
<button type="button" class="again">Start over</button></p></div>"""


def _figure(path, caption: str, budget: int, wide: bool = False) -> str:
    image = f'<img src="{data_uris.data_uri(path, budget)}" alt="{escape(caption)}">'
    if wide:
        image = f'<div class="wide">{image}</div>'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"
