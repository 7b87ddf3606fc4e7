"""InfoGAN."""
