"""`mpi xsi`: the cross-site identifier from the command line, without any social security number."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from matching.nir import find_nir
from matching.records import RawRecord
from matching.xsi import vectors as conformance
from matching.xsi.identifiers import NotAnIdentifier, a_ids, canonical, check, strongest
from matching.xsi.key import KeyFileRefused, load_key, load_or_create_key
from matching.xsi.records import Refusal, paris_date, xsi_record
from matching.xsi.vectors import NotVectors, State
from mpi.cli.options import AsJson, DataDir, settings_from

WRONG, BAD_INPUT = 1, 2
LONGEST_INPUT = 1_000_000  # bytes of JSON

# What a refusal or a warning means; the codes are those of XSI-1 section 3.
SENTENCES = {
    "E_NIR": "A social security number stands in a field; it was not used.",
    "E_STATUS": "The identity status is not PROV, RECUP, VALI or QUAL.",
    "E_ATTR": "An attribute (DOUT, FICT, CACH, ANOM, USUR, INVA, COLV) keeps this record out.",
    "E_NEWBORN": "The name of a newborn is provisional.",
    "E_MISSING": "A family name, a given name and a birth date are needed.",
    "E_CHAR": "A name holds a character that is not of a Latin name.",
    "E_EMPTY": "A name holds no letter.",
    "E_LENGTH": "A name has more than 100 letters.",
    "E_PLACEHOLDER": "A name or the birth date stands for an unknown one.",
    "E_DATE": "The birth date is no date, or lies before 1870 or in the future.",
    "E_SEX": "The sex is not M, F or I.",
    "W_USED": "The used name was left out: it cannot be used.",
    "W_COG": "The birthplace was left out: it is no INSEE code.",
    "W_PHONE": "The phone number was left out: it is no number of one person.",
}

# Traits that XSI-1 reads, under the names of the public schema; a separator makes a list of a text.
TEXTS = ("family_name", "birth_name", "sex", "birth_date", "birth_place", "multiple_birth", "status")
LISTS = {"given_names": " ", "phone": ";", "attributes": ";", "flags": ";"}
SETS = frozenset({"attributes", "flags"})

STYLES = {
    State.PASSED: "green",
    State.FAILED: "bold red",
    State.MISSING: "bold red",
    State.NOT_BUILT: "yellow",
}

Trait = Annotated[str | None, typer.Option(show_default=False)]

# The parser would repeat an argument too many in its error, and that may be a number we must not show.
QUIET = {"allow_extra_args": True}

app = typer.Typer(name="xsi", help="XSI-1, the cross-site identifier.", no_args_is_help=True)


@app.command("id", context_settings=QUIET)
def identifiers(
    context: typer.Context,
    family_name: Trait = None,
    birth_name: Trait = None,
    given_names: Trait = None,
    sex: Trait = None,
    birth_date: Trait = None,
    birth_place: Trait = None,
    multiple_birth: Trait = None,
    phone: Trait = None,
    status: Trait = None,
    attributes: Trait = None,
    flags: Trait = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="An existing key file; default: MPI_XSI_KEY_FILE, else <data-dir>/keys/xsi-<epoch>.key."
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the A-IDs of one person, or the code of the refusal.

    Traits come as options (other users of the machine can see those) or, without any, as one JSON object of
    the public schema on standard input. The key file is made on first run. Exit code 1: refused.

    Example: mpi xsi id --birth-name LEFEVRE --given-names "ANNE MARIE" --sex F --birth-date 1958-02-28
    """
    _no_more(context)
    options = {
        "family_name": family_name,
        "birth_name": birth_name,
        "given_names": given_names,
        "sex": sex,
        "birth_date": birth_date,
        "birth_place": birth_place,
        "multiple_birth": multiple_birth,
        "phone": phone,
        "status": status,
        "attributes": attributes,
        "flags": flags,
    }
    told = {name: value for name, value in options.items() if value is not None} or _read_traits()
    today = paris_date(datetime.now(UTC))
    record = Refusal("E_NIR") if _holds_nir(told) else xsi_record(_raw(told), today=today)
    if isinstance(record, Refusal):
        _print_identifiers({}, refusal=record.code, as_json=as_json)
        raise typer.Exit(WRONG)
    settings = settings_from(data_dir)
    default = settings.xsi_key_file or settings.data_dir / "keys" / f"xsi-{settings.xsi_epoch}.key"
    try:
        key = load_key(key_file) if key_file else load_or_create_key(default)
    except KeyFileRefused as error:
        _leave(str(error))
    found = a_ids(record, key, settings.xsi_epoch)
    _print_identifiers(found, warnings=record.warnings, flags=sorted(record.flags), as_json=as_json)


@app.command("check", context_settings=QUIET)
def check_identifier(
    context: typer.Context,
    identifier: Annotated[str, typer.Argument(help="An A-ID or E-ID, as typed.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check form and check digits of an identifier; exit code 1 when they do not hold.

    They miss 1 in 200 single errors: confirm the identifier against the index.

    Example: mpi xsi check e7k3m-9qx2w-4tb72
    """
    _no_more(context)
    try:
        text = canonical(identifier)
    except NotAnIdentifier:
        text = ""
    holds = check(text)
    kind = "E-ID" if text.startswith("E") else "A-ID"
    if as_json:
        answer = {"valid": holds, "identifier": text if holds else None, "kind": kind if holds else None}
        typer.echo(json.dumps(answer))
    else:
        typer.echo(f"{text}: {kind}, the check digits hold." if holds else "Not an A-ID or E-ID.")
    raise typer.Exit(0 if holds else WRONG)


@app.command("vectors")
def vectors(
    file: Annotated[
        Path | None, typer.Argument(help="Default: the shipped file.", show_default=False)
    ] = None,
    built_only: Annotated[
        bool, typer.Option("--built-only", help="Exit 0 although parts are not built yet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the conformance file part by part; exit code 1 when a part fails, is missing or is not built yet.

    Example: mpi xsi vectors --built-only
    """
    try:
        results = conformance.run(conformance.load(file or conformance.SHIPPED))
    except NotVectors as error:
        _leave(f"{error}.")
    if as_json:
        typer.echo(json.dumps({"rows": [_result(one) for one in results]}, indent=1))
    else:
        _print_results(results)
    accepted = {State.PASSED, State.NOT_BUILT} if built_only else {State.PASSED}
    raise typer.Exit(0 if {one.state for one in results} <= accepted else WRONG)


def _no_more(context: typer.Context) -> None:
    if context.args:
        _leave("An argument too many; a value with spaces needs quotes.")


def _read_traits() -> dict[str, Any]:
    """The JSON object on standard input, already parsed; leaves with a sentence when it is none."""
    if sys.stdin.isatty():
        _leave("No traits: give options, or a JSON object on standard input.")
    text = sys.stdin.buffer.read(LONGEST_INPUT + 1)
    try:
        told = json.loads(text) if len(text) <= LONGEST_INPUT else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        _leave("Standard input is not one JSON object of traits.")
    return told


def _holds_nir(told: dict[str, Any]) -> bool:
    """Whether rule R2 or R3 fires on any text or number, in keys that XSI-1 does not read too."""
    birth, sex = (
        value if isinstance(value, str) else None for value in (told.get("birth_date"), told.get("sex"))
    )
    return any(find_nir(text, birth=birth, sex=sex) for text in _texts(told))


def _texts(told: object) -> Iterator[str]:
    if isinstance(told, dict):
        for name, value in told.items():
            yield from (name, *_texts(value))
    elif isinstance(told, list):
        for value in told:
            yield from _texts(value)
    elif told is not None:
        yield str(told)


def _raw(told: dict[str, Any]) -> RawRecord:
    """The record of the traits, other keys left alone. Leaves when a value has a wrong type."""
    fields: dict[str, Any] = {}
    for name in TEXTS:
        value = told.get(name)
        if type(value) is int and name == "multiple_birth":
            value = str(value)
        if not isinstance(value, str | None):
            _leave(f"{name} is not a text.")
        fields[name] = value or None
    for name, separator in LISTS.items():
        value = told.get(name) or []
        values = value.split(separator) if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            _leave(f"{name} is neither a text nor a list of texts.")
        kept = tuple(one.strip(" ") for one in values if one.strip(" "))
        fields[name] = frozenset(kept) if name in SETS else kept
    return RawRecord(**fields)


def _print_identifiers(
    found: dict[str, str],
    *,
    as_json: bool,
    refusal: str | None = None,
    warnings: tuple[str, ...] = (),
    flags: list[str] | None = None,
) -> None:
    if as_json:
        answer = {"a_id": strongest(found), "a_ids": found, "refusal": refusal}
        typer.echo(json.dumps(answer | {"warnings": warnings, "flags": flags or []}))
        return
    if refusal is not None:
        typer.echo(f"{refusal}: {SENTENCES[refusal]}", err=True)
        return
    for family, identifier in found.items():
        typer.echo(f"{family}  {identifier}")
    if not found:
        typer.echo("No A-ID: the birth name, the sex or a complete birth date is unknown.")
    for warning in warnings:
        typer.echo(f"{warning}: {SENTENCES[warning]}", err=True)


def _result(one: conformance.Result) -> dict[str, Any]:
    return {
        "part": one.part,
        "covers": one.covers,
        "state": str(one.state),
        "checked": one.checked,
        "failures": one.failures,
    }


def _print_results(results: tuple[conformance.Result, ...]) -> None:
    table = Table("part", "covers", "result", title="XSI-1 conformance")
    table.add_column("checks", justify="right")
    for one in results:
        table.add_row(one.part, one.covers, str(one.state), str(one.checked or ""), style=STYLES[one.state])
    console = Console(soft_wrap=False)
    console.print(table)
    for one in results:
        for failure in one.failures:
            console.print(f"failed: {one.part}: {failure}", markup=False)


def _leave(sentence: str) -> NoReturn:
    typer.echo(f"mpi: {sentence}", err=True)
    raise typer.Exit(BAD_INPUT)
