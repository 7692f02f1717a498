"""The order of the gallery: from one fit to the comparisons."""

FIRST = ("distribution", "intervals", "calibration", "fine_tuning", "digit_tree")


class Story:
    """Sort key of the scripts: the first ones as listed, then by name."""

    def __init__(self, source_directory: str) -> None:
        self.source_directory = source_directory

    def __call__(self, filename: str) -> tuple[int, str]:
        """Return the place of a script."""
        name = filename.removeprefix("plot_").removesuffix(".py")
        return FIRST.index(name) if name in FIRST else len(FIRST), name
