"""Sequences that are read: FASTA, BED, VCF, arrays, text."""
