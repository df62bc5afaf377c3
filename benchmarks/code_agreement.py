"""How well InfoGAN's categorical code agrees with the digits that an independent classifier sees in the samples.

    python benchmarks/code_agreement.py RUN [RUN …] --lenet=lenet.npz

Of 10,000 samples of each run, each has a category of code c0 and a digit that the classifier names. The best
one-to-one matching of categories to digits (Kuhn 1955) gives the agreement: the share of samples whose digit is
their category's. Chen et al. 2016 (arXiv:1606.03657, section 7.2) report 95 %. Prints a table of matches for each
run, and the median over all.

The classifier is Caffe's LeNet (conv 20 and 50 of 5x5, max-pool, 500 ReLU, 10), white digits on black in [0, 1):
an .npz of conv1_0, conv1_1, conv2_0, conv2_1 (OIHW kernels and biases), ip1_0, ip1_1, ip2_0, ip2_1. It shares no
weight or data file with the package. Needs scipy.
"""

import argparse
import pathlib
import statistics
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
BATCH = 500


def lenet(images: np.ndarray, weights) -> np.ndarray:
    """uint8 [n, 28, 28, 1] -> the classes that it names, int64 [n]."""
    import tensorflow as tf

    found = []
    for begin in range(0, len(images), BATCH):
        x = tf.cast(images[begin : begin + BATCH], tf.float32) / 256
        for layer in ("conv1", "conv2"):
            kernel = weights[f"{layer}_0"].transpose(2, 3, 1, 0)
            x = tf.nn.max_pool2d(tf.nn.conv2d(x, kernel, 1, "VALID") + weights[f"{layer}_1"], 2, 2, "VALID")
        flat = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [len(x), -1])  # Caffe keeps channels first.
        h = tf.nn.relu(flat @ weights["ip1_0"].T + weights["ip1_1"])
        found.append(tf.argmax(h @ weights["ip2_0"].T + weights["ip2_1"], 1).numpy())
    return np.concatenate(found)


def matching(categories: np.ndarray, classes: np.ndarray, number: int) -> tuple[np.ndarray, float]:
    """(table [number, number] of counts, category by class; the best one-to-one matching's share of all)."""
    from scipy.optimize import linear_sum_assignment

    table = np.zeros([number, number], np.int64)
    np.add.at(table, (categories, classes), 1)
    return table, table[linear_sum_assignment(-table)].sum() / table.sum()


def samples(run: str, num: int, step) -> tuple[np.ndarray, np.ndarray]:
    """Samples of a run's seed 0, uint8 [num, H, W, 1], and their categories of c0, int64 [num]."""
    import tensorflow as tf

    from tfgan_train.runs.directory import load_run
    from tfgan_train.runs.sampler import Sampler

    loaded = load_run(run, step)
    sampler = Sampler(loaded.generator, loaded.config, loaded.data)
    code = sampler.space.codes[0]
    z = sampler.latents(0, tf.range(num)).numpy()
    return sampler.images(num, 0), z[:, code.first : code.first + code.size].argmax(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--lenet", required=True)
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--step", default="last")
    given = parser.parse_args()
    with np.load(given.lenet) as file:
        weights = dict(file)
    shares = []
    for run in given.runs:
        images, categories = samples(run, given.num, int(given.step) if given.step.isdecimal() else given.step)
        table, share = matching(categories, lenet(images, weights), 10)
        shares.append(share)
        print(f"{run}: {share:.2%}\n{table}")
    print(f"median of {len(shares)}: {statistics.median(shares):.2%}")


if __name__ == "__main__":
    main()
