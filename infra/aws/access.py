"""`panocast aws stream-key | sign`: who may publish to a stack, and who may play where that is not everybody."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urljoin

import typer

from edge.signing import sign, signing_key
from infra.aws import ssm
from infra.aws.account import Account, explained
from infra.aws.naps import check_deployed
from infra.aws.options import NameOption, RegionOption, open_stack
from panocast.layout import check_stream_name

app = typer.Typer()


@app.command(name="stream-key")
def stream_key_command(
    stream: Annotated[str, typer.Argument(help="The stream's name: what stands before ?key= and in its URL.")],
    renew: Annotated[
        bool, typer.Option("--renew", help="A new key; seconds later the old one opens nothing any more.")
    ] = False,
    name: NameOption = "panocast",
    region: RegionOption = None,
) -> None:
    """Print what goes into the encoder's stream-key field.

    Example: panocast aws stream-key my-event
    """
    check_stream_name(stream)
    account = Account(region)
    with explained():
        check_deployed(open_stack(account, name))
        client = account.client("ssm")
        if renew:
            ssm.renew(client, name, stream)
        typer.echo(f"{stream}?key={ssm.key(client, name, stream)}")


@app.command(name="sign")
def sign_command(
    url: Annotated[str, typer.Argument(help="A stream's or asset's URL, or its path, such as /hls/my-event.m3u8.")],
    hours: Annotated[float, typer.Option(min=0.01, max=8784, help="How long it plays: longer than the event.")] = 12,
    name: NameOption = "panocast",
    region: RegionOption = None,
) -> None:
    """Print a URL that plays where signed-playback is on: of a live stream or an asset, until it expires.

    Example: panocast aws sign /hls/my-event.m3u8 --hours 6
    """
    account = Account(region)
    with explained():
        stack = open_stack(account, name)
        check_deployed(stack)
        secret = signing_key(ssm.read(account.client("ssm"), name, ssm.PLAYBACK))
        typer.echo(sign(urljoin(stack.outputs().get("Player", ""), url), secret, valid_s=hours * 3600))
        if stack.parameters().get("SignedPlayback") != "yes":
            typer.echo("it plays without, too: `panocast aws deploy --set signed-playback=yes`", err=True)
