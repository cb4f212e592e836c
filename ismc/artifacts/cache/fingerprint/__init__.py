"""Keys for what is kept on disk: a digest of all that determines an emitted program.

Weights are no part of it, nor are names that differ from one build of an architecture to another.
Only layers of Keras, and code of ismc, are told without being run, and only while they are as they
were shipped. Anything else raises `FingerprintError`: what code of the user's will do is known once
it is traced.
"""

from ismc.artifacts.cache.fingerprint.model import Architecture, architecture, renamed, rules
from ismc.artifacts.cache.fingerprint.shipped import is_own, state
from ismc.artifacts.cache.fingerprint.values import FingerprintError, digest, plain_data

__all__ = [
    "Architecture",
    "FingerprintError",
    "architecture",
    "digest",
    "is_own",
    "plain_data",
    "renamed",
    "rules",
    "state",
]
