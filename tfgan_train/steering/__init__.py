"""What can be done with a trained generator's latents: finding them for a picture, keeping them, moving along them."""
