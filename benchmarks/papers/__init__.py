"""What reproduces the experiments of the papers, and what they claim."""
