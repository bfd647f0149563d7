"""`python -m nag.cli`."""

from nag.cli import main

if __name__ == "__main__":
    main()
