"""MODEL_CARD.md: what a person wants to know before using the exported generator."""

from collections.abc import Mapping

from export import snippets

PICTURE = "samples.png"
SHOWN_NOTES = 5


def model_card(manifest: dict, config: Mapping, data: Mapping, figures: Mapping) -> str:
    """The card as Markdown.

    Args:
      manifest: as `export.manifest.manifest` made it.
      config: the run's settings, name -> value.
      data: the data's facts: name, count, notes.
      figures: name -> Figure of the run's evaluation at this step; {} where there was none.
    """
    generator = manifest["generator"]
    sections = [
        f"# {generator['run']}: a generator of {data['name']} images",
        _what(generator),
        f"![Samples, from seed 0]({PICTURE})",
        "## Training",
        _training(generator, config, data),
        "## How good it is",
        _quality(figures, generator),
        "## Files",
        _files(manifest),
        "## Loading it",
        _tensors(generator),
        *_integers(manifest),
        *_usage(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _what(generator: dict) -> str:
    image, labels = generator["image"], generator["labels"]
    names = {1: "grey", 3: "colour", 4: "transparent colour"}
    colour = names.get(image["channels"], f"{image['channels']}-channel")
    text = (
        f"Draws {colour} images of {image['height']} x {image['width']} pixels from "
        f"{generator['latent']['size']} {generator['latent']['distribution']} random numbers, "
        f"with {generator['parameters']:,} parameters."
    )
    if image.get("alpha"):
        text += (
            " The four channels are red, green, blue and alpha, the colours premultiplied by alpha: divide them by it "
            "for PNG or a canvas. The SavedModel makes no PNG files of them."
        )
    if labels:
        listed = f": {', '.join(labels['names'])}" if labels["names"] else ""
        text += f" It takes the wanted label, one of {labels['count']}{listed}."
    if attributes := generator.get("attributes"):
        text += f" It takes attributes, each 0 or 1: {', '.join(attributes)}."
    return text


def _training(generator: dict, config: Mapping, data: Mapping) -> str:
    rows = [
        ("data", f"{data['name']}, {data['count']:,} images"),
        (
            "checkpoint",
            f"step {generator['step']:,} ({generator['step'] * config['batch_size'] / data['count']:.1f} "
            f"passes over the data, batch {config['batch_size']})",
        ),
        ("architecture", generator["architecture"]),
        ("loss", config["loss"] + (f" with {config['penalty']}" if config["penalty"] != "none" else "")),
        ("recipe", config["recipe"]),
        ("seed", config["seed"]),
    ]
    if config["precision"] != "float32":
        rows.append(("precision", f"{config['precision']} in training; float32 here"))
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])
    return "\n\n".join([table, *(str(note) for note in data["notes"][:SHOWN_NOTES])])


def _quality(figures: Mapping, generator: dict) -> str:
    if not figures:
        return f"No evaluation of step {generator['step']:,} is in the run: look at the samples above."
    lines = ["| figure | value | better |", "|---|---|---|"]
    for name, figure in figures.items():
        spread = f" ± {figure.spread:.3g}" if figure.spread is not None else ""
        lines.append(f"| {name} | {figure.value:.4g}{spread} | {figure.better} |")
    return "\n".join(lines)


def _files(manifest: dict) -> str:
    lines = [
        "Each was loaded in a process of its own and compared with the float generator; "
        "PSNR is that of its worst signature.",
        "",
        "| file | kB | PSNR, dB | must reach | signatures |",
        "|---|---|---|---|---|",
    ]
    for entry in manifest["files"]:
        worst = min(entry["psnr_db"].values(), default=None)
        shown = "the same latents" if worst is None else "identical" if worst >= 200 else f"{worst:.0f}"
        lines.append(
            f"| {entry['path']} | {entry['bytes'] / 1000:,.0f} | {shown} "
            f"| {'' if worst is None else entry['floor_db']} | {', '.join(entry['signatures'])} |"
        )
    lines += [f"\n{name} was left out: {'; '.join(why)}" for name, why in manifest["failed"].items()]
    return "\n".join(lines)


def _tensors(generator: dict) -> str:
    lines = [
        "One seed draws the same pictures in every file. Names, shapes, types and ranges are in manifest.json, "
        "and inside each .tflite as metadata.",
        "",
        "| tensor | values | meaning |",
        "|---|---|---|",
    ]
    for name, entry in generator["tensors"].items():
        lines.append(f"| {name} | {_range(entry['range'])} | {entry['meaning']} |")
    lines.append(f"\nFloat images as bytes: `{generator['image']['to_uint8']}`.")
    return "\n".join(lines)


def _integers(manifest: dict) -> list[str]:
    """What the int8 file's numbers stand for; nothing where there is no such file."""
    for entry in manifest["files"]:
        signature = next(iter(entry["signatures"].values()))
        tensors = signature["inputs"] | signature["outputs"]
        quantised = [name for name, tensor in tensors.items() if "quantization" in tensor]
        lines = [
            f"| {name} | {tensor['quantization']['scale']:.9g} | {tensor['quantization']['zero_point']} |"
            for name, tensor in tensors.items()
            if "quantization" in tensor
        ]
        if lines:
            has_w = "w" in manifest["generator"]["tensors"]
            text = (
                f"{entry['path']} computes with integers alone{'' if has_w else ', for microcontrollers too'}: "
                f"{' and '.join(quantised)} are int8, and an int8 stands for (int8 - zero point) * scale."
            )
            if has_w:
                text += " Weights are int8 too, and the numbers between the layers int16."
            return ["\n".join([text, "", "| tensor | scale | zero point |", "|---|---|---|", *lines])]
    return []


def _range(values) -> str:
    if values is None:
        return ""
    if isinstance(values, dict):
        return "; ".join(f"{_range(pair)} ({dtype})" for dtype, pair in values.items())
    return f"{values[0]} to {values[1]}"


def _usage(manifest: dict) -> list[str]:
    generator = manifest["generator"]
    by_path = {entry["path"]: entry for entry in manifest["files"]}
    sections = []

    def add(title, language, code):
        sections.append(f"### {title}\n\n```{language}\n{code}\n```")

    tflite = next((entry for path, entry in by_path.items() if path.endswith(".tflite")), None)
    if tflite:
        add("Python, without TensorFlow", "python", snippets.python_tflite(generator, tflite))
        add("Android (Kotlin)", "kotlin", snippets.kotlin(generator, tflite))
        if snippets.takes_seeds(tflite):  # LiteRT.js has no int8 tensors.
            add("Browser (JavaScript)", "js", snippets.javascript(generator, tflite))
    if "saved_model" in by_path:
        has_png = "generate_png" in by_path["saved_model"]["signatures"]
        if has_png:
            add("Python, with TensorFlow", "python", snippets.python_saved_model(generator, by_path["saved_model"]))
        add("TensorFlow Serving, which wants a folder for each version", "sh", snippets.serving(generator))
        if has_png:
            add("C, with TensorFlow's C library", "c", snippets.c(generator, by_path["saved_model"]))
    if "sampler.onnx" in by_path:
        add("Python, with ONNX Runtime", "python", snippets.python_onnx(generator, by_path["sampler.onnx"]))
    return sections
