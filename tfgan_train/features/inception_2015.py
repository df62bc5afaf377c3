"""The Inception network of December 2015 that FID, KID and the Inception Score are defined by.

Resize and range are the original graph's: bilinear to 299x299 with its old pixel alignment (no
half-pixel centres, no antialiasing), then (x - 128) / 128. The network is the one of Szegedy et
al. 2015 (arXiv 1512.00567) with the graph's own details, which PyTorch ports patch in: average
pools that leave padding out, a max pool in the last block's pool branch, and no bias in
the logits of the Inception Score (Salimans et al. 2016's code).
"""

import contextlib

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from tfgan_train.common.errors import UserError
from tfgan_train.pretrained.folded import colour, convolution
from tfgan_train.pretrained.torch_file import read_state_dict

SIDE = 299
EPSILON = 1e-3
# What the graph of 2015 consists of. A graph is a program: other operations write files or open connections.
COMPUTING = frozenset(
    {
        "Const",
        "Identity",
        "CheckNumerics",
        "DecodeJpeg",
        "Cast",
        "ExpandDims",
        "ResizeBilinear",
        "Sub",
        "Mul",
        "Add",
        "Conv2D",
        "BatchNormWithGlobalNormalization",
        "Relu",
        "MaxPool",
        "AvgPool",
        "Concat",
        "ConcatV2",
        "Reshape",
        "MatMul",
        "BiasAdd",
        "Softmax",
        "Placeholder",
        "Squeeze",
        "Mean",
        "RealDiv",
        "Tile",
        "Shape",
        "Pack",
        "StridedSlice",
        "FusedBatchNorm",
        "NoOp",
    }
)


@contextlib.contextmanager
def _readable(path: str):
    """Says in one line that a graph's nodes don't fit together."""
    try:
        yield
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, tf.errors.OpError) as error:
        raise UserError(f"--inception_weights={path} is damaged: {str(error).splitlines()[0][:160]}") from None


class FromGraph:
    """Runs `classify_image_graph_def.pb`, the file that Google published in 2015.

    Raises:
      UserError: not such a graph.
    """

    def __init__(self, path: str):
        definition = tf.compat.v1.GraphDef()
        with open(path, "rb") as file:
            try:
                definition.ParseFromString(file.read())
            except DecodeError:
                raise UserError(f"--inception_weights={path} is no TensorFlow graph (a damaged download?)") from None
        nodes = {node.name: node for node in definition.node}
        strange = sorted({node.op for node in definition.node} - COMPUTING)
        if strange or definition.library.function:
            raise UserError(
                f"--inception_weights={path} does more than compute "
                f"({', '.join(strange[:5]) or 'it defines functions'}); it is not the 2015 graph, and it isn't run"
            )
        if not {"ExpandDims", "pool_3", "softmax/logits/MatMul"} <= nodes.keys():
            raise UserError(f"--inception_weights={path} is not the 2015 graph (no ExpandDims or pool_3 in it)")
        logits_weights = nodes["softmax/logits/MatMul"].input[1].split(":")[0] + ":0"
        graph = tf.Graph()
        with graph.as_default(), _readable(path):
            self._images = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3])
            # Feeding ExpandDims leaves out the JPEG decoder and the batch of one before it.
            pool, weights = tf.import_graph_def(
                definition, {"ExpandDims:0": self._images}, ["pool_3:0", logits_weights], name=""
            )
            features = tf.reshape(pool, [tf.shape(self._images)[0], weights.shape[0]])
            self._fetches = features, tf.nn.softmax(features @ weights)
        self._session = tf.compat.v1.Session(graph=graph)

    def run(self, images: np.ndarray):
        """uint8 [n, H, W, 1 or 3] -> (float32 [n, 2048], float32 probabilities [n, 1008])."""
        return self._session.run(self._fetches, {self._images: colour(images)})


class FromTorch:
    """The same network rebuilt from a PyTorch port's weights (`*inception-2015-12-05-*.pth`).

    Raises:
      UserError: a file that lacks one of its weights.
    """

    def __init__(self, path: str):
        weights = read_state_dict(path)
        try:
            names = [name.removesuffix(".conv.weight") for name in weights if name.endswith(".conv.weight")]
            self._layers = {name: convolution(weights, name + ".conv", name + ".bn", EPSILON) for name in names}
            self._fc = tf.constant(weights["fc.weight"].T)
            self.run(np.zeros((1, 8, 8, 3), np.uint8))
        except KeyError as error:
            raise UserError(f"--inception_weights={path} is not the 2015 network: it lacks {error}") from None

    def run(self, images: np.ndarray):
        """uint8 [n, H, W, 1 or 3] -> (float32 [n, 2048], float32 probabilities [n, 1008])."""
        features, probabilities = self._forward(tf.constant(colour(images)))
        return features.numpy(), probabilities.numpy()

    @tf.function(reduce_retracing=True, autograph=False)
    def _forward(self, images):
        x = tf.compat.v1.image.resize_bilinear(tf.cast(images, tf.float32), (SIDE, SIDE))
        x = self._body((x - 128.0) / 128.0)
        features = tf.reduce_mean(x, axis=(1, 2))
        return features, tf.nn.softmax(features @ self._fc)

    def _body(self, x):
        x = self._conv(x, "Conv2d_1a_3x3", 2)
        x = self._conv(x, "Conv2d_2a_3x3", valid=True)
        x = _max(self._conv(x, "Conv2d_2b_3x3"))
        x = self._conv(x, "Conv2d_3b_1x1")
        x = _max(self._conv(x, "Conv2d_4a_3x3", valid=True))
        for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._branches(
                x, block, "branch1x1", "branch5x5_1 branch5x5_2", "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"
            )
        x = self._shrink(x, "Mixed_6a", "branch3x3", "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3")
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._branches(
                x,
                block,
                "branch1x1",
                "branch7x7_1 branch7x7_2 branch7x7_3",
                "branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 branch7x7dbl_4 branch7x7dbl_5",
            )
        x = self._shrink(
            x, "Mixed_7a", "branch3x3_1 branch3x3_2", "branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4"
        )
        x = self._wide(x, "Mixed_7b", tf.nn.avg_pool2d)
        return self._wide(x, "Mixed_7c", tf.nn.max_pool2d)

    def _conv(self, x, name, stride=1, valid=False):
        kernel, bias = self._layers[name]
        return tf.nn.relu(tf.nn.conv2d(x, kernel, stride, "VALID" if valid or stride > 1 else "SAME") + bias)

    def _chain(self, x, block, names, last_stride=1):
        *first, last = names.split()
        for name in first:
            x = self._conv(x, f"{block}.{name}")
        return self._conv(x, f"{block}.{last}", last_stride)

    def _branches(self, x, block, *chains):
        pooled = self._conv(tf.nn.avg_pool2d(x, 3, 1, "SAME"), f"{block}.branch_pool")
        return tf.concat([self._chain(x, block, chain) for chain in chains] + [pooled], axis=-1)

    def _shrink(self, x, block, *chains):
        return tf.concat([self._chain(x, block, chain, last_stride=2) for chain in chains] + [_max(x)], axis=-1)

    def _wide(self, x, block, pool):
        y = self._conv(x, f"{block}.branch3x3_1")
        z = self._chain(x, block, "branch3x3dbl_1 branch3x3dbl_2")
        return tf.concat(
            [
                self._conv(x, f"{block}.branch1x1"),
                self._conv(y, f"{block}.branch3x3_2a"),
                self._conv(y, f"{block}.branch3x3_2b"),
                self._conv(z, f"{block}.branch3x3dbl_3a"),
                self._conv(z, f"{block}.branch3x3dbl_3b"),
                self._conv(pool(x, 3, 1, "SAME"), f"{block}.branch_pool"),
            ],
            axis=-1,
        )


def _max(x):
    return tf.nn.max_pool2d(x, 3, 2, "VALID")
