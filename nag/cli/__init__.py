"""The command line; nothing else imports Hydra."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line of this process; a user's mistake ends with one line and exit code 2.

    Example:
        >>> import sys
        >>> from nag.cli import main
        >>> sys.argv, before = ["nag", "--version"], sys.argv
        >>> main()
        0...
        >>> sys.argv = before
    """
    from nag.cli.interruption import INTERRUPTED, end_at_once, raise_again

    try:
        end_at_once()
        from nag.cli.application import run

        run(sys.argv[1:])
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        sys.exit(130)
    finally:
        raise_again()
