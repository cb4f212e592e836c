"""Every error that users see: each says what was found, what was expected, and gives a hint."""


class IsmcError(Exception):
    """Base of all errors of ismc; the message ends with a hint if there is one."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\nHint: {hint}")


class UnsupportedModelError(IsmcError):
    """The model cannot be compiled; every reason is listed at once."""


class InputError(IsmcError, ValueError):
    """An argument is invalid or does not fit the model."""


class ArtifactError(IsmcError):
    """A file is damaged, has another format, or cannot be read or written."""


class VerificationError(IsmcError):
    """The compiled program disagrees with the model; the message says where."""


class InternalError(IsmcError):
    """An invariant of the compiler is broken; names the pass and includes the printed program."""
