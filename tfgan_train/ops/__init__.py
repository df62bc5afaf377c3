"""TensorFlow helpers that know no GAN: seeded latents, stateless randomness, replicas."""
