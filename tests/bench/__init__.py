"""Figures, reported and never asserted: `make bench` (or `make bench ARGS="glass --minutes 10"`)."""
