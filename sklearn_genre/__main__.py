"""What ``python -m sklearn_genre`` runs."""

import sys

if __name__ == "__main__":
    try:
        from sklearn_genre.cli import main
    except KeyboardInterrupt:  # the imports take some seconds
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(main())
