"""Directions through latents, styles and labels, and the strips of samples that are moved along them."""

import dataclasses

import numpy as np

from tfgan_train.common.errors import UserError
from tfgan_train.models.layers import Block
from tfgan_train.runs import latents_file
from tfgan_train.runs.directory import LoadedRun
from tfgan_train.runs.sampler import Sampler
from tfgan_train.runs.walks import Latents

FORMS = "sefa:N, label:FROM,TO or latents:FROM.npz,TO.npz"


@dataclasses.dataclass(frozen=True)
class Direction:
    """A way that samples are moved along.

    Attributes:
      kind: "z", "w" (of a generator of styles) or "label".
      vector: float32, what strength 1 adds to z or w; for labels two numbers, from and to.
    """

    kind: str
    vector: np.ndarray

    @classmethod
    def parse(cls, text: str, loaded: LoadedRun, sampler: Sampler) -> "Direction":
        """The direction that --direction=TEXT names, for the run's sampler.

        Raises:
          UserError: another form, or one that the run hasn't.
        """
        flag, (kind, _, rest) = f"--direction={text}", text.partition(":")
        if kind == "sefa":
            found = principal(loaded.generator, loaded.config.latent_dim)
            if not rest.isdecimal() or not 1 <= int(rest) <= len(found):
                raise UserError(f"{flag}: legal: sefa:1 to sefa:{len(found)}")
            return cls("w" if hasattr(loaded.generator, "style_matrix") else "z", found[int(rest) - 1])
        ends = rest.split(",")
        if kind not in ("label", "latents") or len(ends) != 2 or not all(ends):
            raise UserError(f"{flag} is none of {FORMS}")
        if kind == "label":
            if not loaded.config.conditional:
                raise UserError(f"{flag}: {loaded.path.path} was not trained with --conditional")
            try:
                return cls("label", np.array([loaded.label_index(end) for end in ends], np.float32))
            except UserError as error:
                raise UserError(f"{flag}: {str(error).removeprefix('--')}") from None
        (first, first_in_w), (last, last_in_w) = (latents_file.mean(end, f"{flag}: {end}", sampler) for end in ends)
        if first_in_w != last_in_w:
            raise UserError(f"{flag}: one file holds w and the other z; legal: two of the same")
        return cls("w" if last_in_w else "z", last - first)


def principal(generator, noise: int) -> np.ndarray:
    """SeFa's directions, unit vectors in the rows of float32 [n, n], the strongest first (Shen & Zhou 2021,
    arXiv:2007.06600): the eigenvectors of A^T A, where A are the weights that z, or w, meets first.

    Args:
      generator: of this package; one of styles gives directions of w.
      noise: length of z without codes.

    Raises:
      UserError: a generator whose first layer isn't known.
    """
    if hasattr(generator, "style_matrix"):
        weights = generator.style_matrix()
    else:
        blocks = generator.blocks() if hasattr(generator, "blocks") else []
        first = next((block for block in blocks if isinstance(block, Block) and hasattr(block, "kernel")), None)
        if first is None:
            raise UserError("--direction=sefa:N is for the package's own generators: it needs their first layer")
        weights = first.kernel.numpy()[:noise]
    weights = weights.astype(np.float64)
    values, vectors = np.linalg.eigh(weights @ weights.T)
    found = vectors[:, np.argsort(-values)].T
    # A sign of its own, so that every machine has the same.
    signs = np.sign(found[np.arange(len(found)), np.abs(found).argmax(1)])
    return (found * signs[:, None]).astype(np.float32)


def strips(sampler: Sampler, direction: Direction, start: Latents, strengths: np.ndarray) -> np.ndarray:
    """Rows of samples moved along a direction: uint8 [rows * columns, H, W, C].

    Args:
      start: the latents at strength 0.
      strengths: [columns]; of a direction between labels, 0 is the first label and 1 the second.
    """
    columns = len(strengths)
    amount = np.tile(np.asarray(strengths, np.float32), len(start))[:, None]
    z = np.repeat(start.values, columns, 0)
    label = None if start.label is None else np.repeat(start.label, columns)
    if direction.kind == "label":
        first, last = sampler.weights(direction.vector.astype(int))
        label = (1 - amount) * first + amount * last
    elif direction.kind == "z":
        z = z + amount * np.pad(direction.vector, (0, z.shape[1] - len(direction.vector)))
    else:
        w = z if start.in_w else sampler.styles(z, label)
        return np.concatenate(list(sampler.of_w(w + amount * direction.vector)))
    return np.concatenate(list(sampler.of(z, label)))
