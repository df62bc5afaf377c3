"""A few lines of Python, Kotlin, JavaScript and C for each kind of file, true for the very model.

Each function takes the manifest's "generator" part and a file's entry, and returns code.
"""

SEED = 7

PYTHON_IMAGE = """pixels = np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8)
Image.fromarray(pixels[0].squeeze()).save("image.png")"""


def python_tflite(generator: dict, entry: dict) -> str:
    """LiteRT's interpreter, by seed where the file has the signature, else by int8 latents."""
    name, batch, seeded = _tflite_signature(entry)
    image_lines = PYTHON_IMAGE
    if seeded:
        arguments = "seed=np.int32(7), index=np.int32(0), truncation=np.float32(1)"
        comment = "# Rows index, index+1, ... of the seed's endless sequence."
    else:
        (scale, zero), (image_scale, image_zero) = _quantization(entry, name)
        latents = _numpy_latents(generator, batch)
        arguments = f"z=np.clip(np.rint({latents} / {scale}) + {zero}, -128, 127).astype(np.int8)"
        comment = "# An integer file takes latents, not a seed; an int8 stands for (int8 - zero point) * scale."
        image_lines = f"images = (images.astype(np.float32) - {image_zero}) * {image_scale}\n{PYTHON_IMAGE}"
    if generator["labels"]:
        arguments += f", label=np.full([{batch}], 0, np.int32)"
    if size := _attributes(generator):
        # -1 has an attribute drawn; 0 of an integer file is its zero point.
        number, kind = (-1, "float32") if seeded else (_zero_attribute(entry, name), "int8")
        arguments += f",\n    attributes=np.full([{batch}, {size}], {number}, np.{kind})"
    return f"""import numpy as np
from PIL import Image
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter("{entry["path"]}")
{comment}
images = interpreter.get_signature_runner("{name}")(
    {arguments})["images"]
{image_lines}"""


def python_saved_model(generator: dict, entry: dict) -> str:
    """TensorFlow, straight to PNG files."""
    options = ", truncation=tf.constant(1.0), label=tf.constant([0])" if generator["labels"] else ""
    if size := _attributes(generator):
        row = [1.0, *[-1.0] * (size - 1)]  # The first one holds, the others are drawn.
        options = f",\n             truncation=tf.constant(1.0), attributes=tf.constant([{row}])"
    return f"""import tensorflow as tf

loaded = tf.saved_model.load("{entry["path"]}")
draw = loaded.signatures["generate_png{"_with_options" if options else ""}"]
files = draw(num_images=tf.constant(4), seed=tf.constant({SEED}){options})["png"]
tf.io.write_file("image.png", files[0])"""


def python_onnx(generator: dict, sampler: dict) -> str:
    """ONNX Runtime: the sampler's outputs are the generator's inputs."""
    return f"""import numpy as np
import onnxruntime
from PIL import Image

run = lambda path, inputs: onnxruntime.InferenceSession(path).run(None, inputs)
inputs = run("{sampler["path"]}", {{"seed": np.array({SEED}, np.int32), "index": np.array(0, np.int32),
                              "num_images": np.array(4, np.int32), "truncation": np.array(1, np.float32)}})
images, = run("generator.onnx", dict(zip({list(sampler["signatures"]["main"]["outputs"])}, inputs)))
{PYTHON_IMAGE}"""


def kotlin(generator: dict, entry: dict) -> str:
    """The LiteRT interpreter of Android."""
    name, batch, seeded = _tflite_signature(entry)
    image = generator["image"]
    numbers, pixel = "FloatArray", "images[0][y][x][0]"
    if seeded:
        inputs = f'"seed" to {SEED}, "index" to 0, "truncation" to 1f'
    else:
        latents = (
            "Random().nextGaussian().toFloat()"
            if generator["latent"]["distribution"] == "normal"
            else "Random().nextFloat() * 2 - 1"
        )
        (scale, zero), (image_scale, image_zero) = _quantization(entry, name)
        if code := _plain_code(generator):
            ones = ", ".join(str(generator["latent"]["noise"] + i) for i, value in enumerate(code) if value)
            latents = (
                f"if (it < {generator['latent']['noise']}) {latents} else if (it in intArrayOf({ones})) 1f else 0f"
            )
        latents = f"(({latents}) / {scale}f).roundToInt().plus({zero}).coerceIn(-128, 127).toByte()"
        inputs = f'"z" to Array({batch}) {{ ByteArray({generator["latent"]["size"]}) {{ {latents} }} }}'
        numbers, pixel = "ByteArray", f"(images[0][y][x][0] - ({image_zero})) * {image_scale}f"
    if generator["labels"]:
        inputs += f', "label" to IntArray({batch}) {{ 0 }}'
    if size := _attributes(generator):
        row = f"FloatArray({size}) {{ -1f }}" if seeded else f"ByteArray({size}) {{ {_zero_attribute(entry, name)} }}"
        inputs += f', "attributes" to Array({batch}) {{ {row} }}'
    height, width, channels = image["height"], image["width"], image["channels"]
    return f"""// implementation("com.google.ai.edge.litert:litert:1.4.0"); {entry["path"]} in assets/
val interpreter = Interpreter(FileUtil.loadMappedFile(context, "{entry["path"]}"))
val images = Array({batch}) {{ Array({height}) {{ Array({width}) {{ {numbers}({channels}) }} }} }}
interpreter.runSignature(mapOf({inputs}), mapOf("images" to images), "{name}")
val grey = (({pixel} + 1) * 127.5f).roundToInt().coerceIn(0, 255)"""


def javascript(generator: dict, entry: dict) -> str:
    """LiteRT.js, which is the npm package @litertjs/core; for a file that takes a seed."""
    name, batch, _ = _tflite_signature(entry)
    inputs = [
        f"seed: new Tensor(new Int32Array([{SEED}]), [])",
        "index: new Tensor(new Int32Array([0]), [])",
        "truncation: new Tensor(new Float32Array([1]), [])",
    ]
    if generator["labels"]:
        inputs.insert(0, f"label: new Tensor(new Int32Array({batch}), [{batch}])")
    if size := _attributes(generator):
        numbers = f"new Float32Array({batch * size}).fill(-1)"
        inputs.insert(0, f"attributes: new Tensor({numbers}, [{batch}, {size}])")
    listed = ",\n  ".join(inputs)
    return f"""import {{loadLiteRt, loadAndCompile, Tensor}} from '@litertjs/core';

await loadLiteRt('node_modules/@litertjs/core/wasm/');
const model = await loadAndCompile('{entry["path"]}', {{accelerator: 'wasm'}});
const {{images}} = await model.run('{name}', {{
  {listed}
}});
const grey = Uint8ClampedArray.from(images.toTypedArray(), x => (x + 1) * 127.5);"""


def c(generator: dict, entry: dict) -> str:
    """The core of a program on TensorFlow's C API, with this SavedModel's own tensor names."""
    signature = entry["signatures"]["generate_png"]
    inputs = {name: tensor["c_tensor"] for name, tensor in signature["inputs"].items()}
    png = signature["outputs"]["png"]["c_tensor"]
    return f"""TF_Session* session = TF_LoadSessionFromSavedModel(options, NULL, "{entry["path"]}",
    (const char*[]){{"serve"}}, 1, graph, NULL, status);
TF_Output inputs[] = {{{_operation(inputs["num_images"])},
                      {_operation(inputs["seed"])}}};
TF_Output png = {_operation(png)};
TF_Tensor *values[] = {{num_images, seed}}, *files;  // int32 scalars
TF_SessionRun(session, NULL, inputs, values, 2, &png, &files, 1, NULL, 0, NULL, status);
const TF_TString* file = TF_TensorData(files);  // write TF_TString_GetSize bytes of TF_TString_GetDataPointer"""


def _operation(tensor: str) -> str:
    """C's TF_Output of a tensor's name, "operation:number"."""
    name, number = tensor.rsplit(":", 1)
    return f'{{TF_GraphOperationByName(graph, "{name}"), {number}}}'


def _tflite_signature(entry: dict) -> tuple[str, int, bool]:
    """The file's signature for the smallest batch: its name, the batch, whether it takes a seed."""
    batch, name = min((int(name.rpartition("b")[2]), name) for name in entry["signatures"])
    seeded = f"generate_b{batch}" in entry["signatures"]
    return f"generate_b{batch}" if seeded else name, batch, seeded


def _quantization(entry: dict, name: str) -> list[tuple[float, int]]:
    """(scale, zero point) of a signature's z, and of its images."""
    signature = entry["signatures"][name]
    tensors = signature["inputs"]["z"], signature["outputs"]["images"]
    return [(tensor["quantization"]["scale"], tensor["quantization"]["zero_point"]) for tensor in tensors]


def _attributes(generator: dict) -> int:
    """How many attributes the generator takes."""
    return len(generator.get("attributes", ()))


def _zero_attribute(entry: dict, name: str) -> int:
    """What stands for 0 in an integer file's attributes."""
    return entry["signatures"][name]["inputs"]["attributes"]["quantization"]["zero_point"]


def takes_seeds(entry: dict) -> bool:
    """Whether a .tflite file draws its latents itself."""
    return _tflite_signature(entry)[2]


def _numpy_latents(generator: dict, batch: int) -> str:
    latent, code = generator["latent"], _plain_code(generator)
    size = latent.get("noise", latent["size"])
    if latent["distribution"] == "normal":
        noise = f"np.random.default_rng().standard_normal([{batch}, {size}], np.float32)"
    else:
        noise = f"np.random.default_rng().uniform(-1, 1, [{batch}, {size}]).astype(np.float32)"
    return f"np.hstack([{noise}, np.tile(np.float32({code}), [{batch}, 1])])" if code else noise


def _plain_code(generator: dict) -> list[int]:
    """The last columns of a z that has the first category of each categorical code, and 0 for continuous ones."""
    codes = generator["latent"].get("codes", ())
    return [int(i == 0 and "categories" in code) for code in codes for i in range(code.get("categories", 1))]


def serving(generator: dict) -> str:
    """Shell lines that lay the SavedModel out as TensorFlow Serving wants it, and ask it for pictures."""
    url = "localhost:8501/v1/models/generator:predict"
    return f"""mkdir -p models/generator && cp -r saved_model models/generator/1
docker run -p 8501:8501 -v "$PWD/models/generator:/models/generator" -e MODEL_NAME=generator tensorflow/serving
# z has {generator["latent"]["size"]} numbers; the signature generate takes num_images and seed instead
curl -d '{{"signature_name": "generate", "inputs": {{"num_images": 4, "seed": 7}}}}' {url}"""
