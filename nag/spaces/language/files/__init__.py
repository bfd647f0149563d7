"""Space files: their schema, and how they are read into the words of the language."""
