"""What can go wrong in a benchmark, in words for its user."""


class BenchmarkError(Exception):
    """The benchmark cannot run; the text ends in a hint where one can be given."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\nHint: {hint}")


class SideError(Exception):
    """A side cannot do what it was asked; the text is its own error."""
