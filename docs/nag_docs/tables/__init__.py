"""Tables of the result pages, one function each: Markdown from `docs/results`."""
