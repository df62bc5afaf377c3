"""The names of what each step reports."""

from tfgan_train.config.fields import Config
from tfgan_train.objective import ada
from tfgan_train.training.head_terms import head_metrics

# What each step reports, as means over the global batch, in the order of the returned rows.
METRICS = (
    "d_loss",
    "g_loss",
    "penalty",
    "d_accuracy",
    "d_accuracy_real",
    "d_accuracy_fake",
    "real_logits",
    "fake_logits",
    "d_grad_norm",
    "g_grad_norm",
    "d_lr",
    "g_lr",
)
ADA_METRICS = ("augment_probability", "real_sign")


def columns(config: Config) -> tuple[str, ...]:
    """Names of a row's numbers.

    METRICS (d_loss: the mean over the updates of D), those of D's further heads and of ADA, and D's loss at each of
    several updates.
    """
    each = tuple(f"d_loss_{i}" for i in range(config.d_steps)) if config.d_steps > 1 else ()
    return METRICS + head_metrics(config) + (ADA_METRICS if ada.is_on(config) else ()) + each
