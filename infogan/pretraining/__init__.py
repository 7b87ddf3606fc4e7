"""What is learned from real images before adversarial training."""
