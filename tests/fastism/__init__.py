"""The interface of fastISM."""
