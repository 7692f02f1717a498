"""A benchmark on tables in the folder layout of TALENT."""
