"""Peak memory of docstring examples, predicted from their code."""
