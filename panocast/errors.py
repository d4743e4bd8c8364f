"""The errors panocast raises, and the exit code that each means on the command line.

Foreign errors (OSError, botocore's, pydantic's) are translated into one of these where they enter.
"""


class PanocastError(Exception):
    """The root of all our errors: one line for people, saying what was wrong, with which value, and the mend."""

    exit_code = 1


class UsageError(PanocastError):
    """A setting or an argument is wrong; nothing was done."""

    exit_code = 2


class SetupError(UsageError):
    """What a setting names (a bucket, a queue, a program) is not there: nothing here works until somebody mends it."""


class RefusedError(PanocastError):
    """The input can never succeed, however often it is tried."""


class TemporaryError(PanocastError):
    """Another try could succeed."""

    exit_code = 75


class NoRoomError(TemporaryError):
    """A disk is full, or would be before the end: somebody has to make room."""


class NotFoundError(PanocastError):
    """A store has no object of this key."""
