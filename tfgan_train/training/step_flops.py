"""What a training step costs, from the networks' own counts; weighted layers only."""

from tfgan_train.config.fields import Config
from tfgan_train.objective.objective import Objective


def step_flops(config: Config, generator, discriminator, objective: Objective | None = None) -> float:
    """Multiplications and additions of a training step for one image of its batch.

    A lazy penalty counts by its mean over steps. A backward pass costs a forward pass for the weights and another
    for the inputs. Nobody wants the gradient by the latents, nor in D's own update that by the pixels, unless a
    label's embedding is learnt there: the first layers do without. The count is of piecewise linear activations,
    whose second derivative is nothing, and leaves out what isn't a weighted layer: normalisation, optimisers,
    power iterations.

    Args:
      config: a resolved Config.
      generator, discriminator: the networks, built.
      objective: what trains them; None: what the Config names.
    """
    objective = objective or Objective.of(config)
    penalty_passes = objective.penalty.passes if objective.penalty else 0
    g, d = generator.flops(), discriminator.flops()
    g_inputs = d_inputs = 0  # FLOPs of the inputs' gradients that aren't computed
    if not config.conditional:
        g_inputs = _first_layer(generator)
    if not (config.conditional and config.d_conditioning == "concat"):
        d_inputs = _first_layer(discriminator)
    d_update = 2 * (3 * d - d_inputs) + penalty_passes * d / config.penalty_every
    frozen = discriminator.frozen_flops()  # Forward once for every image, and back to the fakes for G.
    total = config.d_steps * (g + d_update + 2 * frozen) + 2 * g - g_inputs + frozen
    if config.update == "simultaneous":  # G's gradient goes back through D's own pass.
        return total + d
    total += 2 * d
    if objective.loss.uses_real or config.feature_matching:
        total += d
    return total if config.shared_z else total + g + frozen


def _first_layer(network) -> int:
    return next(block.flops() for block in network.blocks() if block.flops())
