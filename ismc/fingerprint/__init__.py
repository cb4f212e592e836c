"""Keys for what is kept on disk: a digest of everything that determines an emitted program.

Weights are no part of it, nor are names that differ from one build of an architecture to another.
What may matter and cannot be digested raises `FingerprintError`; the caller then keeps nothing.
"""

from ismc.fingerprint.model import Architecture, architecture, renamed, rules
from ismc.fingerprint.values import FingerprintError, code, digest

__all__ = [
    "Architecture",
    "FingerprintError",
    "architecture",
    "code",
    "digest",
    "renamed",
    "rules",
]
