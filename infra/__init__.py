"""Where panocast runs: one machine (infra/local); the command `panocast`."""
