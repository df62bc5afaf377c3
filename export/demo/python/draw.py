"""Draws the images of a seed from an exported .tflite: python draw.py generator.tflite 7 images.png

Needs numpy, pillow and ai-edge-litert alone.
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

model, seed, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
interpreter = Interpreter(model)
seeded = [name for name in interpreter.get_signature_list() if name.startswith("generate_b")]
if not seeded:
    sys.exit(f"{model} is fully quantised and takes latents, not a seed")
signature = max(seeded, key=lambda name: int(name.removeprefix("generate_b")))
draw = interpreter.get_signature_runner(signature)

inputs: dict[str, np.ndarray | np.generic] = {"seed": np.int32(seed), "index": np.int32(0), "truncation": np.float32(1)}
for name, tensor in draw.get_input_details().items():
    if name in ("label", "attributes"):
        inputs[name] = np.full(tensor["shape"], -1, tensor["dtype"])  # -1: drawn from the seed
images = draw(**inputs)["images"]
pixels = np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8)
if pixels.shape[-1] == 4:  # Colours are premultiplied by alpha; PNG wants them straight.
    alpha = pixels[..., 3:].astype(np.float32)
    pixels[..., :3] = np.minimum(np.rint(pixels[..., :3] * 255 / np.maximum(alpha, 1)), 255)
Image.fromarray(np.concatenate(pixels, axis=1).squeeze()).save(out)
