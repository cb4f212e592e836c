"""Autotuning: plans chosen by measurement on this machine."""
