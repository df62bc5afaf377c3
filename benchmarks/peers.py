"""The time of a training step against peers: plain TensorFlow, Keras fit, PyTorch eager and compiled.

    python benchmarks/peers.py --torch_python=PYTHON_WITH_TORCH --rounds=5 --out=benchmarks/results/peers.json

Every measurement is a process of its own, and each round takes all programs of a task in turn, so that a
ratio's two times were taken next to each other. Each peer follows the algorithm that its own examples
have, and is paired with this package under the same one:

    plain_tf   the DCGAN tutorial: both networks by one pass       --update=simultaneous
    keras_fit  D, then G with fresh latents                        --update=alternating --noshared_z
    pytorch    D, then G through the same fakes                    --update=alternating --shared_z

With WGAN-GP, whose D takes several steps, all draw fresh latents for G.

The peers are in peer_programs/; without --torch_python those of PyTorch are left out. Rounds that --out holds already
are not measured again.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "peer_programs")]
import networks  # noqa: E402  (it lies beside the programs, which import it by its name)
from machine import machine  # noqa: E402

_SHARED, _FRESH = ["--update=alternating", "--shared_z"], ["--update=alternating", "--noshared_z"]
OURS = {
    "gan": {
        "ours": _SHARED,
        "ours_fresh": _FRESH,
        "ours_simultaneous": ["--update=simultaneous"],
        "ours_bfloat16": [*_SHARED, "--precision=bfloat16"],
    },
    "wgan_gp": {"ours": _FRESH, "ours_bfloat16": [*_FRESH, "--precision=bfloat16"]},
}
PAIRS = {
    "plain_tf": "ours_simultaneous",
    "keras_fit": "ours_fresh",
    "pytorch": "ours",
    "pytorch_compiled": "ours",
    "ours": "ours_bfloat16",
}


def programs(task: networks.Task, torch_python: str) -> dict[str, list[str]]:
    """Name -> command, without the arguments that all take."""

    def run(name: str, *more: str, python: str = sys.executable) -> list[str]:
        return [python, str(HERE / "peer_programs" / name), *more]

    found = {"plain_tf": run("plain_tf.py"), "keras_fit": run("keras_fit.py")}
    if torch_python:
        found["pytorch"] = run("pytorch.py", python=torch_python)
        if (
            task.loss == "gan"
        ):  # torch.compile can't differentiate a gradient penalty: "double backward" isn't supported.
            found["pytorch_compiled"] = run("pytorch.py", "--compile", python=torch_python)
    return found | {name: run("ours.py", *flags) for name, flags in OURS[task.loss].items()}


def measure(command: list[str], task: str) -> dict:
    done = subprocess.run([*command, f"--task={task}"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} --task={task} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def partner(name: str, times: dict) -> str:
    """The program of ours that a peer is compared with."""
    return PAIRS[name] if PAIRS[name] in times else "ours"


def ratios(rounds: list[dict]) -> dict[str, list[float]]:
    """Peer -> our time of a step over its time, one for each round; below 1 we are faster."""
    found: dict[str, list[float]] = {}
    for times in rounds:
        for name in times:
            if name in PAIRS:
                ours = times[partner(name, times)]
                found.setdefault(name, []).append(ours["ms_per_step"] / times[name]["ms_per_step"])
    return found


def table(results: dict) -> str:
    """Markdown: the median time of a step, and the ratios with their range."""
    lines = ["| task | program | ms a step, median | img/s | ours / it, median (range) |", "|---|---|---|---|---|"]
    for task, rounds in results.items():
        found = ratios(rounds)
        for name in rounds[0]:
            time = statistics.median(times[name]["ms_per_step"] for times in rounds)
            ratio = ""
            if name in found:
                values = found[name]
                ratio = (
                    f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f}), {partner(name, rounds[0])}"
                )
            lines.append(f"| {task} | {name} | {time:.2f} | {networks.TASKS[task].batch / time * 1e3:,.0f} | {ratio} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch_python", default="", help="a Python that has torch")
    parser.add_argument("--tasks", default=",".join(networks.TASKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", default="peers.json")
    options = parser.parse_args()
    out = pathlib.Path(options.out)
    results: dict[str, list[dict]] = json.loads(out.read_text())["results"] if out.exists() else {}
    for number in range(options.rounds):
        for name in options.tasks.split(","):
            if number < len(results.get(name, [])):
                continue
            times = {}
            for program, command in programs(networks.TASKS[name], options.torch_python).items():
                times[program] = measure(command, name)
                print(f"{name:<22}{program:<20}{times[program]['ms_per_step']:9.2f} ms", flush=True)
            results.setdefault(name, []).append(times)
            out.write_text(
                json.dumps({"machine": machine(), "load": os.getloadavg(), "results": results}, indent=1) + "\n"
            )
    print(table(results))


if __name__ == "__main__":
    main()
