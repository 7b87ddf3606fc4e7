"""What decides a run, without torch: the config tree, spec strings and presets."""
