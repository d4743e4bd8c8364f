"""`python -m origin`: the commands of `panocast origin`, for a supervisor that needs no console script."""

import sys

from origin.cli import app
from panocast.cli import run_app

if __name__ == "__main__":
    sys.exit(run_app(app))
