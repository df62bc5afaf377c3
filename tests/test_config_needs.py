"""Settings that would do nothing are refused, if the user gave them."""

import pytest

from tfgan_train import Config, UserError
from tfgan_train.config.checks import check_needs
from tfgan_train.config.fields import FIELDS
from tfgan_train.data import check_settings
from tfgan_train.training.validation import validate


def _check(**given):
    config = Config(recipe="smoke", **given)
    check_needs(config, config.asked_for)


@pytest.mark.parametrize(
    "given, message",
    [
        (
            dict(update="simultaneous", shared_z=False),
            "--shared_z would do nothing here: it goes with --update=alternating only",
        ),
        (
            dict(g_optimizer="sgd", d_optimizer="sgd", beta1=0.5),
            "--beta1 .*--g_optimizer=adam or --d_optimizer=adam only",
        ),
        (dict(momentum=0.9), "--momentum "),
        (dict(momentum_final=0.9, momentum_epochs=3.0), "--momentum_final "),
        (dict(rho=0.5), "--rho "),
        (dict(penalty_every=4), "--penalty_every .*--penalty only"),
        (dict(penalty_weight=1.0), "--penalty_weight "),
        (dict(architecture="mlp", d_dense=8), "--d_dense .*it goes with --architecture=.*dcgan"),
        (dict(architecture="mlp", kernel_size=4), "--kernel_size .*it goes with --architecture=.*dcgan"),
        (dict(schedule_decay=0.9), "--schedule_decay "),
        (dict(schedule_floor=0.1), "--schedule_floor .*--schedule!=constant"),
        (dict(instance_noise_steps=5), "--instance_noise_steps "),
        (dict(eval_num=500), "--eval_num "),
        (dict(g_norm="none", d_norm="spectral", norm_placement="before"), "--norm_placement .*--g_norm or --d_norm="),
        (dict(beta2_start=0.9), "--beta2_start .*--burn_in_steps only"),
        (dict(augment_probability=0.5), "--augment_probability .*--augment only"),
        (dict(d_conditioning="concat"), "--d_conditioning "),
        (dict(g_optimizer="sgd", d_optimizer="sgd", momentum_epochs=3.0), "--momentum_epochs "),
    ],
)
def test_what_would_do_nothing_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        _check(**given)


@pytest.mark.parametrize(
    "given",
    [
        dict(shared_z=False),
        dict(g_optimizer="sgd", beta1=0.5),
        dict(d_optimizer="sgd", momentum=0.9),
        dict(penalty="r1", penalty_every=4),
        dict(architecture="mlp", d_dense=0, g_final_conv=False),
        dict(architecture="mlp", d_norm="none"),
        dict(schedule="linear", schedule_floor=0.1),
        dict(update="simultaneous", shared_z=True),
        dict(eval_every=5, eval_num=500),
        dict(penalty="none"),
    ],
)
def test_what_does_something_or_switches_off_is_taken(given):
    _check(**given)


def test_a_number_that_is_not_taken_is_refused():
    with pytest.raises(UserError, match="--g_activation: activation 'tanh:2': tanh takes no number"):
        validate(Config(recipe="smoke", g_activation="tanh:2"))
    with pytest.raises(UserError, match="--d_init=he:2: he takes no number"):
        validate(Config(recipe="smoke", d_init="he:2"))


def test_a_recipes_own_settings_and_a_stored_config_are_not_the_users():
    config = Config(recipe="digits", penalty="none")  # The recipe has a weight for its penalty.
    check_needs(config, config.asked_for)
    stored = Config(**Config(recipe="smoke", g_optimizer="sgd", d_optimizer="sgd").as_dict())
    check_needs(stored, stored.asked_for)


@pytest.mark.parametrize(
    "given, message",
    [
        (
            dict(dataset="mnist10k", max_bad_fraction=0.5),
            "--max_bad_fraction .*--dataset=folder:FOLDER or zip:FILE only",
        ),
        (dict(dataset="npz:a.npz", value_range="auto"), "--value_range .*--dataset=folder:FOLDER or zip:FILE only"),
        (dict(dataset="folder:photos", data_dir="/data"), "--data_dir .*--dataset=mnist or tfds:NAME only"),
    ],
)
def test_a_setting_of_other_datasets_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        check_settings(given["dataset"], Config(**given).given)
    check_settings("folder:photos", {"max_bad_fraction", "value_range", "cache_dir", "steps"})


def test_the_help_says_what_a_setting_goes_with():
    assert "(with --penalty only)" in FIELDS["penalty_every"].metadata["help"]


def test_every_need_names_a_setting():
    import re

    for field in FIELDS.values():
        for need in field.metadata["needs"].split():
            assert re.match(r"\w+", need)[0] in FIELDS
