"""From the words of a description to the parts of a space."""
