"""The shipped search spaces: one YAML file each, read by `nag.spaces.load_space`."""
