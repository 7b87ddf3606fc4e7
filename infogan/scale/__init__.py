"""Many runs and many images: sweeps, encoding in parts, Ray clusters."""
