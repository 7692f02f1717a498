"""Random calls of the package, and what must hold of each of them."""
