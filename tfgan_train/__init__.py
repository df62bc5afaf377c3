"""Train GANs with TensorFlow 2 and hand the generator to other apps."""
