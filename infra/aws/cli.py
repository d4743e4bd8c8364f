"""`panocast aws …`: the whole platform in one's own AWS account."""

from __future__ import annotations

import asyncio
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from edge.config import PLAYER, content_security_policy
from infra.aws import access, machine, quotas
from infra.aws import deploy as deploying
from infra.aws import destroy as destroying
from infra.aws import plan as planning
from infra.aws.account import Account, explained
from infra.aws.artifact_bucket import ensure_bucket
from infra.aws.artifacts import Artifacts, assemble, build_wheels, player_files
from infra.aws.cost import Event as Audience
from infra.aws.cost import estimate, read_prices
from infra.aws.naps import check_deployed, propose_nap
from infra.aws.options import NameOption, RegionOption, open_stack
from infra.aws.parameters import Parameters, from_stack, parse_parameters, parse_settings
from infra.aws.session_manager import agent_package, source_url
from infra.aws.stack import Change, Event, Stack
from infra.aws.status import address_lines, status_lines
from panocast.cli import new_app
from panocast.errors import PanocastError, UsageError

app = new_app("aws", "The whole platform in your own AWS account, on Spot machines.")
app.add_typer(machine.app)
app.add_typer(access.app)

SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter, as `plan` lists them; repeatable.")
]
FileOption = Annotated[Path | None, typer.Option("--file", help="Parameters in a TOML file; --set is stronger.")]
PricesOption = Annotated[
    Path | None, typer.Option("--prices", help="Your own table of prices (infra/aws/prices.json).")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_console = Console(soft_wrap=True, highlight=False)


def _say(text: str) -> None:
    _console.print(escape(text))


def _parameters(name: str, file: Path | None, settings: list[str] | None, before: dict[str, str]) -> Parameters:
    """What a stack had, then what the file says, then what the command line says."""
    said = from_stack(before)
    if file is not None:
        try:
            said |= {key.replace("-", "_"): value for key, value in tomllib.loads(file.read_text()).items()}
        except (OSError, ValueError) as error:
            raise UsageError(f"the parameters in {file} cannot be read: {error}") from error
    said |= parse_settings(settings or [])
    return parse_parameters({**said, "deployment": name})


@app.command()
def plan(
    name: NameOption = "panocast",
    settings: SetOption = None,
    file: FileOption = None,
    prices: PricesOption = None,
    viewers: Annotated[int, typer.Option(min=0, help="For the estimate: viewers at a time.")] = 100,
) -> None:
    """Show what would be made, its parameters, and what it costs. Asks nobody, needs no account.

    Example: panocast aws plan --set edge-max=8 --viewers 500
    """
    stack, table = _parameters(name, file, settings, {}), read_prices(prices) if prices else read_prices()
    _console.print(planning.resource_table(planning.resources(content_security_policy(PLAYER), stack)))
    _console.print(planning.parameter_table(stack))
    audience = Audience(viewers=viewers)
    cpu_hours = planning.CPU_HOURS_PER_VIDEO_HOUR
    cost = estimate(stack, table, audience, cpu_hours_per_video_hour=cpu_hours)
    for line in planning.cost_lines(cost, table, audience):
        _say(line)


@app.command()
def deploy(
    name: NameOption = "panocast",
    region: RegionOption = None,
    settings: SetOption = None,
    file: FileOption = None,
    prices: PricesOption = None,
    without_session_manager: Annotated[
        bool,
        typer.Option("--without-session-manager", help="No shell on the machines, when AWS's agent cannot be had."),
    ] = False,
    yes: YesOption = False,
) -> None:
    """Build, upload, create or update the stack; safe to interrupt and to run again.

    Example: panocast aws deploy --set notify-email=me@example.org
    """
    account = Account(region)
    table = read_prices(prices) if prices else read_prices()
    with explained():
        _say(f"account {account.id}, region {account.region}")
        stack = open_stack(account, name)
        stack.check_ours()
        parameters = _parameters(name, file, settings, stack.parameters())
        check_quotas(account, parameters, new=stack.status() is None)
        artifacts = _build(account, parameters, session_manager=not without_session_manager)
        wanted = deploying.Wanted(
            parameters, artifacts, content_security_policy(PLAYER), table.vcpu_hour(parameters.architecture)
        )
        outputs = run_deploy(account, wanted, stack, yes=yes)
    if outputs is not None:
        _tell(name, outputs, test_source=parameters.test_source)


def check_quotas(account: Account, parameters: Parameters, *, new: bool) -> None:
    """Say what is wrong with the account's quotas; raises UsageError where a new stack cannot come up."""
    found = list(quotas.look(account.client, parameters, new=new))
    for finding in found:
        _say(f"{'error' if finding.stops else 'warning'}: {finding.text}")
    if new and any(finding.stops for finding in found):
        raise UsageError("the account has no room for this stack: see above; nothing was made")


def _build(account: Account, parameters: Parameters, *, session_manager: bool) -> Artifacts:
    """The artifacts of this checkout."""
    extra = {}
    if session_manager:
        s3, bucket, architecture = account.client("s3"), account.artifact_bucket, parameters.architecture
        ensure_bucket(s3, bucket, account.region)
        agent = asyncio.run(agent_package(s3, bucket, architecture, source_url(account.region, architecture)))
        if agent.fetched:
            _say(f"Session Manager's agent: {agent.fetched}, sha256 {agent.sha256}; every machine gets this one")
        extra = agent.members()
    player = player_files()
    with tempfile.TemporaryDirectory(prefix="panocast-wheels-") as folder:
        _say("building the wheel and fetching what it needs…")
        asyncio.run(build_wheels(parameters.architecture, Path(folder)))
        return assemble(sorted(Path(folder).glob("*.whl")), player, extra)


def run_deploy(account: Account, wanted: deploying.Wanted, stack: Stack, *, yes: bool) -> dict[str, str] | None:
    """Deploy what is built; the outputs, or None when it was asked and declined."""

    def follow(since: datetime) -> None:
        for event in stack.follow(since):
            _show(event)

    with going_on_alone():
        deploying.settle(stack, _say, follow)
    proposed = deploying.prepare(account, wanted, stack, _say)
    failures: list[Event] = []
    if proposed is None:
        _say("the stack is as wanted")
    else:
        change_set, changes = proposed
        if not _agreed(changes, yes=yes):
            stack.discard(change_set)
            _say("nothing was changed")
            return None
        failures = _carry_out(stack, change_set)
    return deploying.finish(account, wanted, stack, failures)


def _carry_out(stack: Stack, change_set: str) -> list[Event]:
    begun = deploying.now()
    stack.execute(change_set)
    with going_on_alone():
        return list(deploying.events(stack, begun, _show))


@contextmanager
def going_on_alone() -> Iterator[None]:
    """Say, to whoever does not wait for the end, that AWS goes on without."""
    try:
        yield
    except KeyboardInterrupt:
        _say("\nAWS goes on by itself: `panocast aws status` shows how far it is; the same command again follows it")
        raise


def _agreed(changes: list[Change], *, yes: bool) -> bool:
    for change in changes:
        _say(f"{change.action.lower():7} {change.resource} ({change.kind}){', REPLACED' if change.replaces else ''}")
    return yes or typer.confirm("Go on?")


def _show(event: Event) -> None:
    colour = "red" if event.failed else "green" if event.status.endswith("_COMPLETE") else "default"
    reason = f" {event.reason}" if event.reason else ""
    line = f"{event.at:%H:%M:%S} {event.status:20} {event.resource}{reason}"
    _console.print(f"[{colour}]{escape(line)}[/]")


def _tell(name: str, outputs: dict[str, str], *, test_source: bool) -> None:
    for line in address_lines(outputs):
        _say(line)
    _say(f"stream key    panocast aws stream-key my-event --name {name}")
    without = "" if test_source else "  (shows something with --set test-source=yes)"
    _say(f"test pattern  {outputs['TestPattern']}{without}")
    _say(f"dashboard     {outputs['Dashboard']}")


@app.command()
def status(name: NameOption = "panocast", region: RegionOption = None) -> None:
    """Show fleets, queue, live streams, what failed, and what it has cost this month.

    Example: panocast aws status
    """
    account = Account(region)
    with explained():
        for line in asyncio.run(status_lines(account, open_stack(account, name), datetime.now(UTC).date())):
            _say(line)


@app.command()
def sleep(name: NameOption = "panocast", region: RegionOption = None, yes: YesOption = False) -> None:
    """Put a deployment to sleep between events: machines and load balancer go; addresses, buckets and player stay.

    Example: panocast aws sleep --yes
    """
    _nap(name, region, awake=False, yes=yes)


@app.command()
def wake(name: NameOption = "panocast", region: RegionOption = None, yes: YesOption = False) -> None:
    """Wake a deployment up; `status` says when its machines are in service.

    Example: panocast aws wake --yes
    """
    _nap(name, region, awake=True, yes=yes)


def _nap(name: str, region: str | None, *, awake: bool, yes: bool) -> None:
    with explained():
        stack = open_stack(Account(region), name)
        proposed = propose_nap(stack, awake=awake)
        if proposed is None:
            _say(f"{name} is {'awake' if awake else 'asleep'} already")
            return
        change_set, changes = proposed
        if not _agreed(changes, yes=yes):
            stack.discard(change_set)
            _say("nothing was changed")
            return
        failures = _carry_out(stack, change_set)
        if (after := stack.status()) != "UPDATE_COMPLETE":
            raise PanocastError(deploying.failure(name, after, failures))


@app.command()
def destroy(
    name: NameOption = "panocast",
    region: RegionOption = None,
    delete_recordings: Annotated[
        bool, typer.Option("--delete-recordings", help="The buckets with all recordings and all VOD, too.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Take a deployment away; recordings and VOD stay in their buckets unless told otherwise.

    Example: panocast aws destroy
    """
    account = Account(region)
    with explained():
        stack = open_stack(account, name)
        check_deployed(stack)
        fate = "DELETES EVERY RECORDING AND ALL VIDEO ON DEMAND" if delete_recordings else "keeps recordings and VOD"
        _say(f"This takes away {name} in account {account.id}, {account.region}, and {fate}.")
        if not yes and typer.prompt("Type its name to go on") != name:
            raise UsageError("that is not its name: nothing was done")
        with going_on_alone():
            kept = destroying.destroy(account, stack, name, _say, _show, recordings=delete_recordings)
    for bucket in filter(None, (kept.ingest, kept.egress)):
        _say(f"kept: s3://{bucket} (costs by the GB; `aws s3 rb --force s3://{bucket}` deletes it)")
    _say(f"{name} is gone")
