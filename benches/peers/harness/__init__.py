"""Installs the peers, runs them beside mnist-fast in turn, and makes one table of it."""
