"""Keras as its GAN examples write it: a Model that overrides train_step, compile, fit."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time

import clock
import keras
import networks
import tensorflow as tf
from keras_layers import dataset, latents, model


class GAN(keras.Model):
    def __init__(self, task):
        super().__init__()
        self.task = task
        self.generator, self.discriminator = (
            model(task.generator, (task.latent,)),
            model(task.discriminator, task.image),
        )
        self.g_loss_metric, self.d_loss_metric = keras.metrics.Mean(name="g_loss"), keras.metrics.Mean(name="d_loss")

    def compile(self):
        super().compile()
        self.g_optimizer = keras.optimizers.Adam(self.task.learning_rate, *self.task.betas)
        self.d_optimizer = keras.optimizers.Adam(self.task.learning_rate, *self.task.betas)
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @property
    def metrics(self):
        return [self.g_loss_metric, self.d_loss_metric]

    def update_d(self, images):
        generated = self.generator(latents(self.task), training=True)
        with tf.GradientTape() as tape:
            if self.task.loss == "gan":
                # The examples judge fakes and real images in one batch.
                joined = tf.concat([generated, images], 0)
                labels = tf.concat([tf.zeros([self.task.batch, 1]), tf.ones([self.task.batch, 1])], 0)
                loss = 2 * self.cross_entropy(labels, self.discriminator(joined, training=True))
            else:
                fake, real = self.discriminator(generated, training=True), self.discriminator(images, training=True)
                loss = tf.reduce_mean(fake) - tf.reduce_mean(real) + 10.0 * self.gradient_penalty(images, generated)
        gradients = tape.gradient(loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(gradients, self.discriminator.trainable_weights, strict=True))
        return loss

    def gradient_penalty(self, images, generated):
        between = images + tf.random.uniform([self.task.batch, 1, 1, 1]) * (generated - images)
        with tf.GradientTape() as tape:
            tape.watch(between)
            judged = self.discriminator(between, training=True)
        norm = tf.sqrt(tf.reduce_sum(tf.square(tape.gradient(judged, between)), [1, 2, 3]) + 1e-12)
        return tf.reduce_mean(tf.square(norm - 1.0))

    def train_step(self, images):
        if self.task.loss == "gan":
            d_loss = self.update_d(images)
        else:
            for _ in range(self.task.d_steps):
                d_loss = self.update_d(images)
        with tf.GradientTape() as tape:
            fake = self.discriminator(self.generator(latents(self.task), training=True), training=True)
            g_loss = (
                self.cross_entropy(tf.ones([self.task.batch, 1]), fake)
                if self.task.loss == "gan"
                else -tf.reduce_mean(fake)
            )
        gradients = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(gradients, self.generator.trainable_weights, strict=True))
        self.d_loss_metric.update_state(d_loss)
        self.g_loss_metric.update_state(g_loss)
        return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}


class Windows(keras.callbacks.Callback):
    """Takes the time of each step within fit, as clock.measure does, and stops it."""

    def __init__(self, task, seconds):
        super().__init__()
        self.task, self.seconds, self.each, self.done, self.begin, self.count = task, seconds, [], 0, 0.0, 0

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        now = time.perf_counter()
        if self.done == max(3, self.task.steps // 10):
            self.begin, self.count = now, 0
        elif self.begin:
            self.count += 1
            if self.count >= self.task.steps // clock.WINDOWS and now - self.begin >= self.seconds / clock.WINDOWS:
                self.each.append((now - self.begin) / self.count)
                self.begin, self.count = time.perf_counter(), 0
        self.model.stop_training = len(self.each) == clock.WINDOWS


def main():
    options = clock.parser().parse_args()
    task = networks.TASKS[options.task]
    gan = GAN(task)
    gan.compile()
    windows = Windows(task, options.seconds)
    gan.fit(dataset(task).repeat(), steps_per_epoch=1_000_000, epochs=1, verbose=0, callbacks=[windows])
    clock.report(windows.each, task.batch)


if __name__ == "__main__":
    main()
