"""Parts of the sampling: what steers it, its samples as rows, and their true values."""
