"""What a package outside nag adds: one of each kind."""
