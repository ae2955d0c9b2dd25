"""Soma for Python. `soma.smi` is the host for engines: programs that run models for Soma, in processes of their own."""

__version__ = "0.1.0"
