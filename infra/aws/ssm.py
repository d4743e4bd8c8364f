"""What a deployment keeps in SSM: the secret that stream keys follow from, which of them were renewed, and the secret
that playback URLs are signed with. Machines take each as a file of the same name into their state directory."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from panocast import folders
from panocast.aws import error_code
from panocast.errors import PanocastError
from panocast.keys import GENERATIONS, stream_key

log = logging.getLogger(__name__)

SECRET, KEYS, PLAYBACK = "secret", "keys.json", "playback-secret"
_WHY = {SECRET: "stream keys follow from it", PLAYBACK: "playback URLs are signed with it"}
FOLLOW_S = 5.0


def parameter(deployment: str, name: str) -> str:
    """The name of the SSM parameter."""
    return f"/panocast/{deployment}/{name}"


def ensure_parameters(ssm: Any, deployment: str) -> None:
    """Make what is not there. What is there stays: keys and signed URLs follow from it."""
    for name, why in _WHY.items():
        _make(ssm, deployment, name, secrets.token_urlsafe(32), "SecureString", why)
    _make(ssm, deployment, KEYS, "{}", "String", "which stream keys were renewed, and how often")


def _make(ssm: Any, deployment: str, name: str, value: str, kind: str, why: str) -> None:
    try:
        ssm.put_parameter(
            Name=parameter(deployment, name),
            Value=value,
            Type=kind,
            Description=f"panocast: {why}",
            Tags=[{"Key": "panocast", "Value": deployment}],
        )
    except ClientError as error:
        if error_code(error) != "ParameterAlreadyExists":
            raise


def forget_parameters(ssm: Any, deployment: str) -> None:
    """Delete them all; what is not there is no error."""
    ssm.delete_parameters(Names=[parameter(deployment, name) for name in (SECRET, KEYS, PLAYBACK)])


def read(ssm: Any, deployment: str, name: str) -> bytes:
    """One of them. Raises PanocastError where it is not there."""
    try:
        found = ssm.get_parameter(Name=parameter(deployment, name), WithDecryption=True)
    except ClientError as error:
        if error_code(error) != "ParameterNotFound":
            raise
        raise PanocastError(
            f"the SSM parameter {parameter(deployment, name)} is not there: `panocast aws deploy` makes it"
        ) from error
    return str(found["Parameter"]["Value"]).strip().encode()


def key(ssm: Any, deployment: str, stream: str) -> str:
    """The key of a stream that is valid now."""
    return stream_key(read(ssm, deployment, SECRET), stream, _generations(ssm, deployment).get(stream, 1))


def renew(ssm: Any, deployment: str, stream: str) -> None:
    """Make the key of a stream invalid: running origins know within seconds."""
    found = _generations(ssm, deployment)
    renewed = found | {stream: found.get(stream, 1) + 1}
    name = parameter(deployment, KEYS)
    ssm.put_parameter(Name=name, Value=GENERATIONS.dump_json(renewed).decode(), Type="String", Overwrite=True)


def _generations(ssm: Any, deployment: str) -> dict[str, int]:
    text = read(ssm, deployment, KEYS)
    try:
        return GENERATIONS.validate_json(text, strict=True)
    except ValidationError as error:
        raise PanocastError(
            f"the SSM parameter {parameter(deployment, KEYS)} holds {text[:80]!r}: no numbers of stream keys"
        ) from error


async def follow_keys(ssm: Any, deployment: str, file: Path, *, every_s: float = FOLLOW_S) -> None:
    """On an origin, until cancelled: keep the file of renewed keys as the deployment has it. A number never goes back,
    and what cannot be asked stays as it was."""
    said = ""
    while True:
        try:
            found = await asyncio.to_thread(_generations, ssm, deployment)
            _merge(file, found)
            said = ""
        except (PanocastError, ClientError, BotoCoreError, OSError) as error:
            if str(error) != said:
                log.warning("which stream keys are valid cannot be asked; it stays as it was: %s", error)
            said = str(error)
        await asyncio.sleep(every_s)


def _merge(file: Path, found: dict[str, int]) -> None:
    with folders.locked(file.with_suffix(".lock")):  # whoever renews a key on this machine has it, too
        known: dict[str, int] | None
        try:
            known = GENERATIONS.validate_json(file.read_bytes(), strict=True)
        except (FileNotFoundError, ValidationError):
            known = None
        merged = {name: max(found.get(name, 1), (known or {}).get(name, 1)) for name in {**(known or {}), **found}}
        if merged != known:
            folders.replace_file(file, GENERATIONS.dump_json(merged).decode())
