"""Many runs and many images: sweeps, encoding by the million, Ray."""
