"""The command line; nothing else imports Hydra."""

from nag.cli.main import main

__all__ = ["main"]
