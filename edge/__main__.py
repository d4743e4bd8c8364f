"""`python -m edge`: how services start the agent."""

import sys

from edge.cli import app
from panocast.cli import run_app

sys.exit(run_app(app))
