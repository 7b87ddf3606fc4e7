"""The method of the paper: codes, networks, the latent, the objective and its terms, the model."""
