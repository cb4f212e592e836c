"""Readers of sequences: FASTA, BED and VCF files, one-hot arrays, and strings."""
