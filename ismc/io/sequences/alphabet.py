"""Letters: as channels A, C, G, T in that order, ``N`` as zeros; and what an allele writes."""

from __future__ import annotations

import numpy as np

LETTERS = "ACGT"
ACCEPTED = "ACGTNacgtn"
AMBIGUOUS = "RYSWKMBDHV"
"""IUPAC codes for some of the four letters; ``N`` is the code for all of them."""

KNOWN = ACCEPTED.encode()
IUPAC = (ACCEPTED + AMBIGUOUS + AMBIGUOUS.lower()).encode()


def _channels() -> np.ndarray:
    """The four channels of each character as one number, uint32 ``[256]``."""
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
    """The channels of letters, int8 ``[..., 4]``; whatever is no letter of ACGT is all zeros.

    Args:
        codes: ASCII codes in upper or lower case, uint8 ``[...]``.

    >>> one_hot_of(np.frombuffer(b"tN", np.uint8)).tolist()
    [[0, 0, 0, 1], [0, 0, 0, 0]]
    """
    return np.take(_CHANNELS, codes)[..., None].view(np.int8)


def codes_of(one_hot: np.ndarray) -> np.ndarray:
    """The ASCII codes of channels, uint8 ``[...]``; ``N`` where all are zero.

    Args:
        one_hot: ``[..., 4]``, each row one-hot or all zeros.

    >>> codes_of(one_hot_of(np.frombuffer(b"gaN", np.uint8))).tobytes()
    b'GAN'
    """
    return _CODES[(one_hot.astype(np.uint8) * _WEIGHTS).sum(-1, dtype=np.uint8)]


def plain(letters: bytes) -> bytes:
    """The same letters in upper case, and ``N`` for the other codes of IUPAC.

    >>> plain(b"acRn")
    b'ACNN'
    """
    return letters.translate(_PLAIN)


def foreign(letters: bytes, known: bytes = KNOWN) -> bytes:
    """The letters that are not known, as often as they stand there.

    >>> foreign(b"ACRn-")
    b'R-'
    >>> foreign(b"ACRn-", IUPAC)
    b'-'
    """
    return letters.translate(None, known)


def substitution(ref: str, alt: str) -> tuple[str, int, str]:
    """What of an allele is no substitution of one letter, or where in ``ref`` which is written.

    Letters that both share are no part of the change.

    Args:
        ref: the letters in the genome, in upper case.
        alt: the allele as a VCF file writes it, in upper case.

    >>> substitution("CAG", "CTG")
    ('', 1, 'T')
    >>> substitution("C", "CA")
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
