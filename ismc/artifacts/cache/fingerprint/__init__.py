"""Keys of cached programs: a digest of all that determines a generated program.

Weights are not part of it, nor are names that differ between two builds of an architecture. Only
Keras layers and ismc code can be identified without a trace, and only while they are as shipped.
Anything else raises `FingerprintError`: what a user's code does is known only after a trace.
"""

from ismc.artifacts.cache.fingerprint.model import Architecture, architecture, renamed, rules
from ismc.artifacts.cache.fingerprint.shipped import is_shipped, state
from ismc.artifacts.cache.fingerprint.values import FingerprintError, digest, plain_data

__all__ = [
    "Architecture",
    "FingerprintError",
    "architecture",
    "digest",
    "is_shipped",
    "plain_data",
    "renamed",
    "rules",
    "state",
]
