"""What an origin consists of when it runs: nginx and its agent, side by side.

They are siblings, so that either may die and come back while the other goes on.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from origin.nginx import write_config
from origin.recordings import FLUSH_S
from panocast.nginx import command
from panocast.process import Command
from panocast.settings import Settings


async def commands(settings: Settings, *, config: Path | None = None) -> tuple[Command, Command]:
    """The commands of nginx, its configuration freshly written and checked, and of the agent.

    The agent reads the settings again: from `config`, where there is one, and from its environment, which must say the
    same `PANOCAST_…` that made `settings`. Raises UsageError when nginx refuses the configuration.
    """
    paths = await write_config(settings)
    role = settings.origin.role
    argv = [sys.executable, "-m", "origin", "agent", "--state", str(settings.state)]
    if config:
        argv += ["--config", str(config)]
    return (
        command(f"{role} origin nginx", paths.config),
        # What is recorded is stored before it ends.
        Command(f"{role} origin agent", argv, grace_s=FLUSH_S + 10, dies_by=signal.SIGTERM),
    )
