"""One file a dialect: its routes, the shape of its requests and errors. None of them knows how speech is made."""
