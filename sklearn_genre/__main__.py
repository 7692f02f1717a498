"""What ``python -m sklearn_genre`` runs."""

import sys

from sklearn_genre.cli import main

if __name__ == "__main__":
    sys.exit(main())
