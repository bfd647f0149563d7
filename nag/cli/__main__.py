"""`python -m nag.cli`."""

from nag.cli.main import main

if __name__ == "__main__":
    main()
