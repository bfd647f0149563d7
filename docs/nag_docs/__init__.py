"""Makes the pages of the documentation that are not written by hand: results, API and the picture of the code."""
