"""Plain TensorFlow as its DCGAN tutorial writes it: tf.data, a tf.function with two tapes, Keras layers and Adam."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import itertools

import clock
import keras
import networks
import numpy as np
import tensorflow as tf
from keras_layers import dataset, latents, model


def train_step_function(task, generator, discriminator):
    g_optimizer = keras.optimizers.Adam(task.learning_rate, *task.betas)
    d_optimizer = keras.optimizers.Adam(task.learning_rate, *task.betas)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    def d_loss_of(images, generated):
        real, fake = discriminator(images, training=True), discriminator(generated, training=True)
        if task.loss == "gan":
            return cross_entropy(tf.ones_like(real), real) + cross_entropy(tf.zeros_like(fake), fake)
        share = tf.random.uniform([task.batch, 1, 1, 1])
        between = images + share * (generated - images)
        with tf.GradientTape() as tape:
            tape.watch(between)
            judged = discriminator(between, training=True)
        norm = tf.sqrt(tf.reduce_sum(tf.square(tape.gradient(judged, between)), [1, 2, 3]) + 1e-12)
        return tf.reduce_mean(fake) - tf.reduce_mean(real) + 10.0 * tf.reduce_mean(tf.square(norm - 1.0))

    def g_loss_of(generated):
        fake = discriminator(generated, training=True)
        return cross_entropy(tf.ones_like(fake), fake) if task.loss == "gan" else -tf.reduce_mean(fake)

    @tf.function
    def gan_step(images):
        z = latents(task)
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            generated = generator(z, training=True)
            real, fake = discriminator(images, training=True), discriminator(generated, training=True)
            g_loss = cross_entropy(tf.ones_like(fake), fake)
            d_loss = cross_entropy(tf.ones_like(real), real) + cross_entropy(tf.zeros_like(fake), fake)
        g_gradients = g_tape.gradient(g_loss, generator.trainable_variables)
        d_gradients = d_tape.gradient(d_loss, discriminator.trainable_variables)
        g_optimizer.apply_gradients(zip(g_gradients, generator.trainable_variables, strict=True))
        d_optimizer.apply_gradients(zip(d_gradients, discriminator.trainable_variables, strict=True))
        return d_loss, g_loss

    @tf.function
    def d_step(images):
        with tf.GradientTape() as tape:
            d_loss = d_loss_of(images, generator(latents(task), training=True))
        d_gradients = tape.gradient(d_loss, discriminator.trainable_variables)
        d_optimizer.apply_gradients(zip(d_gradients, discriminator.trainable_variables, strict=True))
        return d_loss

    @tf.function
    def g_step():
        with tf.GradientTape() as tape:
            g_loss = g_loss_of(generator(latents(task), training=True))
        g_gradients = tape.gradient(g_loss, generator.trainable_variables)
        g_optimizer.apply_gradients(zip(g_gradients, generator.trainable_variables, strict=True))
        return g_loss

    return gan_step, d_step, g_step


def main():
    options = clock.parser().parse_args()
    task = networks.TASKS[options.task]
    generator, discriminator = model(task.generator, (task.latent,)), model(task.discriminator, task.image)
    gan_step, d_step, g_step = train_step_function(task, generator, discriminator)
    batches = itertools.chain.from_iterable(itertools.repeat(dataset(task)))
    losses = []

    def step():
        if task.loss == "gan":
            losses.append(gan_step(next(batches)))
        else:
            d_losses = [d_step(next(batches)) for _ in range(task.d_steps)]
            losses.append((d_losses[-1], g_step()))
        if len(losses) % 50 == 0:  # as one would log them
            np.array([[float(x) for x in pair] for pair in losses])
            losses.clear()

    clock.measure(step, task, options.seconds)


if __name__ == "__main__":
    main()
