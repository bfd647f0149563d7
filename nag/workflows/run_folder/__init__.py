"""The run folder: what a stage leaves in it, what it read, and how a run goes on."""
