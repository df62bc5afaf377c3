"""What docs/distributed.md says of several workers, checked on one machine: 1, 2 and 4 workers on loopback.

    python benchmarks/scaling.py --workers=1,2,4 --out=scaling.json

Measured alone are the step of one process at the global batch and at each worker's share of it, and the bandwidth of a
loopback socket; counted are the gradient's bytes. From these the model predicts the step of n workers, which is then
measured. The workers of one machine share its cores: their computing times add up.
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import machine  # noqa: E402  (it lies beside this file, as does the next)
from stretches import median_step  # noqa: E402

NEVER = 10**9
NETWORKS = ("--architecture=mlp", "--g_width=512", "--d_width=512", "--dataset=mnist10k", "--recipe=smoke")
PROBED = 256 << 20  # bytes sent through a socket


def flags(run: pathlib.Path, batch: int, steps: int) -> list[str]:
    never = [f"--{name}_every={NEVER}" for name in ("sample", "checkpoint")]
    command = [sys.executable, "-m", "tfgan_train.main", *NETWORKS, f"--run_dir={run}", f"--batch_size={batch}"]
    return [*command, f"--steps={steps}", "--log_every=10", *never]


def step_seconds(folder: pathlib.Path, batch: int, steps: int, workers: int) -> float:
    """The median seconds of a step of so many workers at this global batch."""
    runs = [folder / f"run-{workers}-{batch}-{index}" for index in range(workers)]
    addresses = [f"localhost:{port}" for port in free_ports(workers)]
    processes = []
    for index, run in enumerate(runs):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ | ({"TF_CONFIG": json.dumps(task)} if workers > 1 else {})
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen(flags(run, batch, steps), env=environment, **quiet))
    if any([process.wait() for process in processes]):
        raise SystemExit(f"{workers} workers at --batch_size={batch} failed")
    return median_step(runs[0], NEVER)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def loopback_bytes_per_second() -> float:
    """What one socket of this machine moves."""
    server = socket.create_server(("localhost", 0))
    block = bytes(1 << 20)

    def send():
        with socket.create_connection(server.getsockname()) as to:
            for _ in range(PROBED // len(block)):
                to.sendall(block)

    threading.Thread(target=send, daemon=True).start()
    receiving, _ = server.accept()
    begin, received = time.monotonic(), 0
    while part := receiving.recv(1 << 20):
        received += len(part)
    return received / (time.monotonic() - begin)


def gradient_bytes(run: pathlib.Path) -> int:
    """Bytes that a step sums over the workers: the gradients of both networks, float32."""
    from tfgan_train.models import build_networks
    from tfgan_train.models.variables import trainable
    from tfgan_train.runs.directory import RunDir

    networks = build_networks(*RunDir(run).read())
    return sum(4 * variable.shape.num_elements() for network in networks for variable in trainable(network))


def predicted(compute: float, workers: int, size: int, bandwidth: float, shared_cores: bool) -> float:
    """Seconds of a step: computing the share of the batch, and a ring's exchange (2 (n-1)/n of the gradient a worker).

    On one machine all n workers' computing and sending goes through the same cores.
    """
    exchange = 2 * (workers - 1) / workers * size / bandwidth
    return workers * (compute + exchange) if shared_cores else compute + exchange


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default=[1, 2, 4], type=lambda text: [int(one) for one in text.split(",")])
    parser.add_argument("--batch_size", default=128, type=int)
    parser.add_argument("--steps", default=150, type=int)
    parser.add_argument("--out", default="scaling.json")
    options = parser.parse_args()
    results, bandwidth = [], loopback_bytes_per_second()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for workers in options.workers:
            share = options.batch_size // workers
            compute = step_seconds(folder, share, options.steps, 1)
            measured = compute if workers == 1 else step_seconds(folder, options.batch_size, options.steps, workers)
            size = gradient_bytes(folder / f"run-1-{share}-0")
            model = predicted(compute, workers, size, bandwidth, shared_cores=True)
            facts = {"share_of_batch": share, "ms_alone": 1e3 * compute, "gradient_megabytes": size / 1e6}
            results.append({"workers": workers, **facts, "ms_predicted": 1e3 * model, "ms_measured": 1e3 * measured})
            print(results[-1], flush=True)
            facts = {"machine": machine(), "loopback_gigabytes_per_second": bandwidth / 1e9, "results": results}
            pathlib.Path(options.out).write_text(json.dumps(facts, indent=1) + "\n")
    print("| workers | share of the batch | ms alone | gradient, MB | ms predicted | ms measured |")
    print("|---|---|---|---|---|---|")
    for one in results:
        print("| " + " | ".join(f"{value:.3g}" for value in one.values()) + " |")


if __name__ == "__main__":
    main()
