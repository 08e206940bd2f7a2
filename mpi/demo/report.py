"""What the demonstration shows: tables for a person, or JSON for a machine."""

from __future__ import annotations

from collections import defaultdict

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mpi.demo.run import Outcome, Registered, Stage

COLOURS = {"linked": "green", "new": "cyan", "known": "cyan", "review": "yellow"}
REVIEW_KINDS = {
    1: "identifier conflict",
    2: "suspected overlay",
    3: "contested link",
    4: "possible overlap",
    5: "possible duplicate",
    6: "changed data",
    7: "oversize group",
    8: "study conflict",
    9: "archive task",
    10: "unidentified patient",
}


def _why(record: Registered) -> str:
    """The strongest evidence for and against, in bits."""
    if record.decision is None or not record.decision.levels:
        return "nobody alike"
    told = [one for one in record.decision.levels if one["level"] is not None]
    told.sort(key=lambda one: -abs(one["weight"]))
    return ", ".join(f"{one['comparison']} {one['level']} {one['weight']:+.1f}" for one in told[:3])


def _doubt(record: Registered) -> str:
    if record.decision is None or record.decision.review_kind is None:
        return ""
    return f"{REVIEW_KINDS[record.decision.review_kind]}: {', '.join(record.decision.reasons)}"


def show(console: Console, result: Outcome) -> None:
    """The whole report."""
    console.print()
    console.print(_people(result))
    console.print(_reviews(result))
    console.print(_tags(result))
    console.print(_verdict(result))


def _people(result: Outcome) -> Table:
    table = Table(
        title="Who was linked to whom", title_justify="left", caption_justify="left", show_lines=False
    )
    for column, options in (
        ("identity", {"no_wrap": True}),
        ("site", {"no_wrap": True}),
        ("local id", {"no_wrap": True}),
        ("as told", {}),
        ("outcome", {"no_wrap": True}),
        ("bits", {"justify": "right", "no_wrap": True}),
        ("why (strongest evidence, bits)", {}),
    ):
        table.add_column(column, **options)
    together: dict[str, list[Registered]] = defaultdict(list)
    for record in result.records:
        together[record.identity_id].append(record)
    for identity_id, records in together.items():
        for number, record in enumerate(records):
            weight = record.decision.match_weight if record.decision else None
            table.add_row(
                identity_id if number == 0 else "",
                record.authority,
                record.local_id,
                Text(record.label),
                Text(record.outcome, style=COLOURS.get(record.outcome, "")),
                "" if weight is None else f"{weight:+.1f}",
                _why(record),
                end_section=number == len(records) - 1,
            )
    table.caption = (
        "bits: log2 of the posterior odds that it is the person it resembles most; a link needs +16.6"
    )
    return table


def _reviews(result: Outcome) -> Table:
    table = Table(title="What a clerk is asked", title_justify="left")
    for column in ("site", "local id", "as told", "question", "the story"):
        table.add_column(column)
    for record in result.records:
        if _doubt(record):
            table.add_row(record.authority, record.local_id, Text(record.label), _doubt(record), record.story)
    return table


def _tags(result: Outcome) -> Table:
    table = Table(title="Which tags changed (one line a study)", title_justify="left", caption_justify="left")
    table.add_column("study, sample object", no_wrap=True)
    table.add_column("changes")
    for study, changes in result.changes:
        table.add_row(study, Text("; ".join(changes)))
    table.caption = (
        "Besides: issuer qualifiers, Other Patient IDs, coercion time, one Original Attributes item each."
    )
    return table


def _verdict(result: Outcome) -> Panel:
    outside = ", ".join(result.validators) or "none installed"
    lines = [
        f"archive: {result.archive}",
        f"studies sent {result.studies_sent}, read back under the right identity {result.studies_verified}",
        f"objects sent {result.objects_sent}, verified {result.objects_verified}",
        f"outside validators: {outside}",
        f"persons under somebody else's identity: {len(result.false_links)}",
        f"social security numbers dropped: {result.numbers_dropped}",
        *(f"FAULT {fault}" for fault in result.faults),
        *(f"FALSE LINK {link}" for link in result.false_links),
    ]
    style = "green" if result.passed else "red"
    return Panel(Text("\n".join(lines)), title="passed" if result.passed else "FAILED", border_style=style)


def show_addresses(console: Console, stage: Stage) -> None:
    """Where things are, while they are served."""
    site, key = next(iter(stage.keys.items()))
    settings = stage.settings
    lines = [
        f"index     {stage.index.url}   (OpenAPI: {stage.index.url}/openapi.json)",
        f"gateway   {stage.gateway_http.url}   POST /v1/dicom/instances",
        f"DICOM     AE {settings.ae_title} on {settings.dimse_host} port {stage.gateway.dimse_port}",
        f"archive   {stage.archive}, in {settings.data_dir}",
        f"API key of {site}:",
        f"  {key}",
        "",
        f"curl -H 'Authorization: Bearer {key}' {stage.index.url}/v1/records/{site}/N-1001",
    ]
    console.print(Panel(Text("\n".join(lines)), title="served until Ctrl-C", border_style="blue"))
