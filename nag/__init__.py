"""`nag` generates neural architectures: graph diffusion over directed acyclic graphs, guided by a predictor."""

__all__ = ["__version__"]

__version__ = "0.1.1"
