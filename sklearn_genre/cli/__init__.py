"""The command line demo: from a table to held-out scores and intervals.

``python -m sklearn_genre`` runs on scikit-learn's diabetes data,
``python -m sklearn_genre data.csv --target price`` on your own file.
"""

from sklearn_genre.cli._arguments import build_parser
from sklearn_genre.cli._command import main

__all__ = ["build_parser", "main"]
