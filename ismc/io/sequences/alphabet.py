"""Letters as channels A, C, G, T, with ``N`` as zeros, and the substitutions of alleles."""

from __future__ import annotations

import numpy as np

LETTERS = "ACGT"
ACCEPTED = "ACGTNacgtn"
AMBIGUOUS = "RYSWKMBDHV"
"""IUPAC codes for two or three of the four letters; ``N`` is the code for any letter."""

KNOWN = ACCEPTED.encode()
IUPAC = (ACCEPTED + AMBIGUOUS + AMBIGUOUS.lower()).encode()


def _channels() -> np.ndarray:
    """The four int8 channels of each ASCII code, viewed as one number, uint32 ``[256]``."""
    rows = np.zeros((256, 4), np.int8)
    for text in (LETTERS, LETTERS.lower()):
        rows[[ord(letter) for letter in text]] = np.eye(4)
    return rows.view(np.uint32)[:, 0]


_CHANNELS = _channels()
_CODES = np.frombuffer(("N" + LETTERS).encode(), np.uint8)
_WEIGHTS = np.arange(1, 5, dtype=np.uint8)
_PLAIN = bytes.maketrans(
    (ACCEPTED + AMBIGUOUS + AMBIGUOUS.lower()).encode(),
    (2 * (LETTERS + "N") + 2 * len(AMBIGUOUS) * "N").encode(),
)


def one_hot_of(codes: np.ndarray) -> np.ndarray:
    """The channels of letters, int8 ``[..., 4]``; all zeros for any character but A, C, G and T.

    Args:
        codes: ASCII codes in upper or lower case, uint8 ``[...]``.

    >>> one_hot_of(np.frombuffer(b"tN", np.uint8)).tolist()
    [[0, 0, 0, 1], [0, 0, 0, 0]]
    """
    return np.take(_CHANNELS, codes)[..., None].view(np.int8)


def codes_of(one_hot: np.ndarray) -> np.ndarray:
    """The ASCII codes of channels, uint8 ``[...]``; ``N`` where all channels are zero.

    Args:
        one_hot: ``[..., 4]``, each row one-hot or all zeros.

    >>> codes_of(one_hot_of(np.frombuffer(b"gaN", np.uint8))).tobytes()
    b'GAN'
    """
    return _CODES[(one_hot.astype(np.uint8) * _WEIGHTS).sum(-1, dtype=np.uint8)]


def normalize(letters: bytes) -> bytes:
    """The letters in upper case, with ``N`` for the other IUPAC codes.

    >>> normalize(b"acRn")
    b'ACNN'
    """
    return letters.translate(_PLAIN)


def unknown_letters(letters: bytes, known: bytes = KNOWN) -> bytes:
    """The letters that are not in ``known``, in order and with repeats.

    >>> unknown_letters(b"ACRn-")
    b'R-'
    >>> unknown_letters(b"ACRn-", IUPAC)
    b'-'
    """
    return letters.translate(None, known)


def find_substitution(ref: str, alt: str) -> tuple[str, int, str]:
    """The single-letter substitution of an allele, or the reason why it is not one.

    Letters that ``ref`` and ``alt`` share do not count as changes.

    Args:
        ref: the reference letters, in upper case.
        alt: the alternative allele as a VCF file writes it, in upper case.

    Returns:
        The reason, the index in ``ref`` and the new letter. The reason is empty for a substitution.

    >>> find_substitution("CAG", "CTG")
    ('', 1, 'T')
    >>> find_substitution("C", "CA")
    ('insertion', 0, '')
    """
    if alt == ".":
        return "no alternate allele", 0, ""
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return "breakend", 0, ""
    if alt.startswith("<"):
        return "symbolic allele", 0, ""
    if alt == "*":
        return "spanning deletion", 0, ""
    if not alt.isalpha():
        return f"allele {alt!r}", 0, ""
    if len(alt) != len(ref):
        return "insertion" if len(alt) > len(ref) else "deletion", 0, ""
    changed = [i for i, (old, new) in enumerate(zip(ref, alt, strict=True)) if old != new]
    if len(changed) != 1:
        return "multi-nucleotide" if changed else "ALT is REF", 0, ""
    letter = alt[changed[0]]
    if letter not in LETTERS:
        return f"letter {letter}", 0, ""
    return "", changed[0], letter
