"""Every error a user can meet: what was found, what was expected, and a hint."""


class IsmcError(Exception):
    """Base of all errors of ismc; the text ends in a hint where one can be given."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\nHint: {hint}")


class UnsupportedModelError(IsmcError):
    """The model cannot be compiled; every reason is listed at once."""


class InputError(IsmcError, ValueError):
    """The arguments of a call do not fit the compiled model."""


class ArtifactError(IsmcError):
    """A file on disk is damaged, foreign or made for something else."""


class VerificationError(IsmcError):
    """The compiled program disagrees with the oracle; names the first layer that differs."""


class InternalError(IsmcError):
    """An invariant of the compiler is broken; names the pass and carries the printed program."""
