"""Size, parity and latency of every file of an export, beside Keras and tf.function, as a Markdown table.

    python benchmarks/export_table.py --run_dir=RUN --export_dir=OUT [--repeats=5] --out=export_table.json

Each figure is a median over fresh processes, taken in turn so that a busy moment of the machine
falls on all of them alike: milliseconds for a call of batch 1 and of batch 16, on one thread and
on two, and the images a second of the last of these. The files' latents are fed from outside; their
parity is the manifest's. What each process measured is kept in --out.
"""

import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent), str(pathlib.Path(__file__).parent)]
from machine import machine  # noqa: E402  (it lies beside this file)

BATCHES, THREADS = (1, 16), (1, 2)

BASELINES = """
import os, sys, time
import numpy as np
import tensorflow as tf
from tfgan_train.runs.directory import load_run
threads = int(sys.argv[2])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
run = load_run(sys.argv[1])
label = lambda n: tf.zeros([n], tf.int32) if run.config.conditional else None
latents = lambda n: tf.random.stateless_normal([n, run.config.latent_dim], [0, 1])
eager = lambda n: run.generator(latents(n), label(n), training=False)
for name, function in (("Keras model(z), eager", eager), ("Keras model(z) in tf.function", tf.function(eager))):
    for n in (1, 16):
        function(n)
        times = []
        for _ in range(30):
            start = time.perf_counter()
            function(n).numpy()
            times.append(time.perf_counter() - start)
        print(name, n, np.median(times) * 1e3, sep="|")
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run_dir", required=True)
    parser.add_argument("--export_dir", required=True, type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=5, help="processes for each figure")
    parser.add_argument("--out", default="export_table.json")
    arguments = parser.parse_args()
    # The measured processes run from the checkout, wherever this one was started.
    arguments.run_dir = os.path.abspath(arguments.run_dir)
    manifest = json.loads((arguments.export_dir / "manifest.json").read_text())
    entries = [entry for entry in manifest["files"] if entry["psnr_db"]]
    times = collections.defaultdict(list)
    for repeat in range(arguments.repeats):
        for threads in THREADS:
            for name, batch, milliseconds in baselines(arguments.run_dir, threads):
                times[name, batch, threads].append(milliseconds)
            for entry in entries:
                for batch, milliseconds in file_times(arguments.export_dir, entry, manifest["generator"], threads):
                    times[entry["path"], batch, threads].append(milliseconds)
        print(f"{repeat + 1} of {arguments.repeats} rounds done", file=sys.stderr)
    rows = [
        {"name": name, "batch": batch, "threads": threads, "ms": found}
        for (name, batch, threads), found in times.items()
    ]
    files = [{"path": entry["path"], "bytes": entry["bytes"], "psnr_db": entry["psnr_db"]} for entry in entries]
    pathlib.Path(arguments.out).write_text(
        json.dumps({"machine": machine(), "load": os.getloadavg(), "files": files, "times": rows}, indent=1) + "\n"
    )
    print_table(entries, times)


def baselines(run_dir, threads):
    """(name, batch, milliseconds) of the generator without an export."""
    done = subprocess.run(
        [sys.executable, "-c", BASELINES, run_dir, str(threads)],
        check=True,
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).resolve().parent.parent,
    )
    rows = (line.split("|") for line in done.stdout.splitlines() if line.count("|") == 2)
    return [(name, int(batch), float(milliseconds)) for name, batch, milliseconds in rows]


def file_times(folder, entry, generator, threads):
    """(batch, milliseconds) of one file, fed with z."""
    import numpy as np

    from export.calls import Call
    from export.verify import run_isolated

    loader = entry["format"].partition("_")[0] if entry["format"] != "saved_model" else "saved_model"
    names = {"tflite": "b{}", "saved_model": "serving_default:{}", "onnx": "generator:{}"}
    calls = []
    for batch in BATCHES:
        inputs = {"z": np.random.default_rng(0).uniform(-1, 1, [batch, generator["latent"]["size"]]).astype(np.float32)}
        if generator["labels"]:
            inputs["label"] = np.zeros([batch], np.int32)
        calls.append(Call(names[loader].format(batch), inputs, None, {}))
    results = run_isolated(loader, folder / entry["path"], calls, threads)
    return [(batch, float(results[f"{call.name}/milliseconds"])) for batch, call in zip(BATCHES, calls, strict=True)]


def print_table(entries, times):
    """The table, on standard output."""
    columns = [(batch, threads) for threads in THREADS for batch in BATCHES]
    heads = [f"batch {batch}, {threads} thread{'s' * (threads > 1)}" for batch, threads in columns]
    print("| | kB | PSNR, dB | " + " | ".join(f"ms, {head}" for head in heads) + f" | img/s, {heads[-1]} |")
    print("|---" * (len(heads) + 4) + "|")
    facts = {
        entry["path"]: (f"{entry['bytes'] / 1000:,.0f}", _shown(min(entry["psnr_db"].values()))) for entry in entries
    }
    for name in dict.fromkeys(name for name, _, _ in times):
        size, parity = facts.get(name, ("", ""))
        medians = [statistics.median(times[name, batch, threads]) for batch, threads in columns]
        cells = [f"{median:.2f}" for median in medians] + [f"{columns[-1][0] / medians[-1] * 1e3:,.0f}"]
        print(f"| {name} | {size} | {parity} | " + " | ".join(cells) + " |")


def _shown(psnr: float) -> str:
    return "identical" if psnr >= 200 else f"{psnr:.0f}"


if __name__ == "__main__":
    main()
