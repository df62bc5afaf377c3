"""How good the default recipe's pictures are at given wall times, from process start.

    python benchmarks/time_to_quality.py --data_dir=DIR --seconds=60,180,600 --seeds=1,2,3 --out=results.json

Each run is a fresh process. It is stopped (SIGTERM) at each of the times, 10,000 images are drawn from the
checkpoint that it saved, and it goes on from there; the time that stopping and starting again takes counts
against the run. The images are scored by `tfgan_train.evaluate`, and by any other judge given as a command
(--judge="python judge.py {}", which must print one JSON object; several times for several judges). What the machine
was busy with is not known to the script: the steps done and the load are in the results, and what the doctor has said.
"""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file)

from tfgan_train.runs.rows import read_rows  # noqa: E402

NUM = 10_000


def train_for(seconds: float, arguments: list[str]) -> bool:
    """Trains or resumes, stopped after `seconds`; whether the run reached its end by itself."""
    process = subprocess.Popen([sys.executable, "-m", "tfgan_train.main", *arguments], stderr=subprocess.DEVNULL)
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
        return False


def signs(run: pathlib.Path) -> list[str]:
    """What the doctor has found so far."""
    return [row["sign"] for row in read_rows(run / "metrics.jsonl") if row["kind"] == "doctor"]


def score(run: pathlib.Path, judges: list[str], data_dir: str, folder: str) -> dict:
    """The Frechet distance of the newest checkpoint's samples, and what the judges say of them."""
    samples, figures = pathlib.Path(folder) / "samples.npz", pathlib.Path(folder) / "figures.json"
    quietly = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [
            sys.executable,
            "-m",
            "tfgan_train.sample",
            f"--run_dir={run}",
            f"--num={NUM}",
            "--seed=123",
            f"--out={samples}",
        ],
        **quietly,
    )
    config = json.loads((run / "config.json").read_text())["config"]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "tfgan_train.evaluate",
            f"--images={samples}",
            f"--dataset={config['dataset']}",
            f"--data_dir={data_dir}",
            "--metrics=frechet",
            f"--out={figures}",
        ],
        **quietly,
    )
    distance = json.loads(figures.read_text())["metrics"]["fd"]
    # Data without held-out images have no figure of real ones.
    found = {"fd": round(distance["value"], 3), "fd_of_real_images": distance["real"] and round(distance["real"], 3)}
    found["judges"] = [
        json.loads(
            subprocess.run(
                shlex.split(judge.replace("{}", str(samples))), check=True, capture_output=True, text=True
            ).stdout
        )
        for judge in judges
    ]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--seconds", default="60,180,600")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--judge", action="append", default=[])
    parser.add_argument("--out", default="time_to_quality.json")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds.split(","):
            run, trained = pathlib.Path(folder) / f"run-{seed}", 0.0
            arguments = [
                f"--dataset={options.dataset}",
                f"--data_dir={options.data_dir}",
                f"--seed={seed}",
                f"--run_dir={run}",
            ]
            for limit in sorted(map(float, options.seconds.split(","))):
                begin = time.monotonic()
                ended = train_for(limit - trained, arguments)
                trained += time.monotonic() - begin
                step = max(int(path.name) for path in (run / "checkpoints").glob("[0-9]*"))
                row = {
                    "seed": int(seed),
                    "seconds": round(trained, 1),
                    "step": step,
                    "ended": ended,
                    "load": os.getloadavg()[0],
                    "doctor": signs(run),
                    **score(run, options.judge, options.data_dir, folder),
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
                pathlib.Path(options.out).write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
