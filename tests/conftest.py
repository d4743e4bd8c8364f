"""What holds for all tests."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A busy machine may take any time for an example: that says nothing of the code. CI judges each change by the same
# examples; new ones are for people, who can look into what they find.
settings.register_profile(
    "patient", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

# Where the machine's own disk is nearly full, too, tests say what they are about: full disks are small ones, in memory.
NO_LIMITS = {
    "PANOCAST_ORIGIN__DISK_LOW_MB": "0",
    "PANOCAST_ORIGIN__DISK_FULL_MB": "0",
    "PANOCAST_TRANSCODER__DISK_FREE_MB": "0",
}
os.environ.update(NO_LIMITS)
# A proxy is for the world outside: the servers of tests are here.
for variable in ("no_proxy", "NO_PROXY"):
    os.environ[variable] = ",".join(filter(None, ("127.0.0.1", "localhost", os.environ.get(variable))))


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command that runs within this process sets its logs up, as it should: the next test knows nothing of it."""
    root, variable = logging.getLogger(), "PANOCAST_LOG_FORMAT"
    level, handlers, chosen = root.level, root.handlers[:], os.environ.get(variable)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    if chosen is None:
        os.environ.pop(variable, None)
