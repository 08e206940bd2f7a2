"""Every setting with its sentence, default and source: environment `MPI_*`, a TOML file, secrets by file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

PREFIX = "MPI_"
NESTED = "__"  # between the names of a setting that has parts
FILE_VARIABLE = "MPI_SETTINGS"  # the one variable that is no setting
USUAL_FILE = "mpi.toml"
# An address that a password can be put into: PostgreSQL's, with a user and no password.
WITHOUT_PASSWORD = re.compile(r"(postgresql(?:\+psycopg)?://[^:/@?]+)(@[^@]+)")


class ArchiveSettings(BaseModel):
    """One archive behind the gateway, with its tag plan."""

    model_config = ConfigDict(extra="forbid")

    driver: Literal["folder", "orthanc"] = Field("folder", description="How studies reach the archive.")
    url: str | None = Field(None, description="Base address of the archive's HTTP interface (orthanc).")
    path: Path | None = Field(
        None, description="Folder of the embedded archive; default <data-dir>/archive/NAME."
    )
    username: str | None = Field(None, description="User of the archive's HTTP interface.")
    password_file: Path | None = Field(None, description="File that holds the password.")
    mode: Literal["coerce", "annotate", "pass"] = Field("coerce", description="What happens to Patient ID.")
    other_ids: Literal["full", "one", "off"] = Field("full", description="Items kept in Other Patient IDs.")
    other_id_domains: list[str] = Field(
        [], description="Domains of other known ids that this archive may see."
    )
    write_qualifiers: bool = Field(True, description="Write Issuer of Patient ID Qualifiers Sequence.")
    write_id_type: bool = Field(False, description="Write Type of Patient ID even where it was absent.")
    golden_name: bool = Field(False, description="Write the golden record's name.")
    golden_dob_sex: bool = Field(False, description="Write the golden record's birth date and sex.")
    no_utf8: bool = Field(False, description="The archive cannot take ISO_IR 192.")
    drop_retired_ids: bool = Field(
        False, description="Remove and record the retired Other Patient IDs (0010,1000)."
    )
    signature_policy: Literal["strip", "hold", "pass"] = Field(
        "strip", description="Signatures broken by coercion."
    )
    write_a_id: bool = Field(False, description="List the A-ID in Other Patient IDs.")

    @field_validator("url")
    @classmethod
    def _plain_address(cls, url: str | None) -> str | None:
        """Senders are told this address: it is one of HTTP, and holds nothing secret."""
        if url is not None and not _is_plain_http(url):
            raise ValueError(
                "an archive's url is http(s)://HOST, a port and a path; "
                "username and password_file are settings of their own"
            )
        return url

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.driver == "orthanc" and not self.url:
            raise ValueError("the orthanc driver needs a url")
        return self


class Settings(BaseSettings):
    """Settings of every process. `MPI_SETTINGS` names the TOML file (default: mpi.toml when present).

    Raises ValidationError for a value, SettingsError for a variable or a file that cannot be meant.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid")

    data_dir: Path = Field(Path("var"), description="Where keys, spool and the embedded database live.")
    database_url: str | None = Field(
        None,
        pattern=r"^(sqlite:///|postgresql(\+psycopg)?://).+",
        description="SQLAlchemy address; default sqlite:///<data-dir>/mpi.db.",
    )
    database_password_file: Path | None = Field(
        None, description="File that holds the password of database_url's user (PostgreSQL)."
    )
    policy: Literal["no-nir"] = Field("no-nir", description="What happens to a social security number.")
    model: Path | None = Field(None, description="Model file of matching; default: the shipped French model.")
    population: int = Field(
        6_000_000, gt=1, description="Size of the population served, for the prior of matching."
    )
    match_probes_per_hour: int = Field(
        200, gt=0, description="How many different persons a sender may ask about in an hour."
    )
    ingest_deadline_ms: int = Field(
        1500, gt=0, description="Past it a record is answered with a provisional identity."
    )

    xsi_mode: Literal["hmac"] = Field("hmac", description="How XSI-1 tokens are keyed.")
    xsi_domain: str = Field("pilot", pattern=r"^[a-z][a-z0-9-]{0,31}$", description="XSI-1 domain.")
    xsi_epoch: str = Field(
        "P", pattern=r"^[P-TV-Z]$", description="XSI-1 epoch letter; P to Z are pilot and test."
    )
    xsi_key_file: Path | None = Field(
        None, description="32-byte key in hex; default <data-dir>/keys/xsi-<epoch>.key."
    )

    issuer_label: str = Field("MPI", max_length=64, description="Issuer of Patient ID that we write.")
    issuer_oid: str = Field(
        "2.25.329800735698586629295641978511506172918",
        pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$",
        description="Universal id of our namespace; replace the example by your region's OID.",
    )
    site_label: str = Field("local", description="Names this installation in Modifying System.")

    http_host: str = Field("127.0.0.1", description="Address that the HTTP doors bind to.")
    http_port: int = Field(8080, ge=0, lt=65536, description="Port of the index.")
    gateway_http_port: int = Field(8081, ge=0, lt=65536, description="HTTP port of the gateway.")
    dimse_host: str = Field("127.0.0.1", description="Address that the DICOM door binds to.")
    dimse_port: int = Field(11112, ge=0, lt=65536, description="DICOM port of the gateway.")
    ae_title: str = Field("MPI", pattern=r"^[\x21-\x5b\x5d-\x7e]{1,16}$", description="Our AE title.")
    require_called_ae: bool = Field(True, description="Refuse associations that call another AE title.")
    unknown_calling_ae: Literal["provisional", "hold", "refuse"] = Field(
        "provisional",
        description="Objects of an undeclared calling AE: own provisional domain, hold, or refuse.",
    )
    warning_status_off: list[str] = Field([], description="Calling AE titles that get 0000 instead of B000.")
    spool_limit_mb: int = Field(10_000, gt=0, description="Size of the spool; refusals start at 80 percent.")
    quarantine_limit_mb: int = Field(
        1_000, gt=0, description="Copies kept of unreadable objects; past it they are refused without a copy."
    )
    spool_retention_hours: float = Field(
        24.0, ge=0, description="How long a delivered original stays in the spool."
    )
    forward_connections: int = Field(4, ge=1, le=64, description="Parallel connections to each archive.")
    max_body_mb: int = Field(2048, gt=0, description="Largest DICOM object that either door takes.")
    archives: dict[str, ArchiveSettings] = Field(
        default_factory=lambda: {"main": ArchiveSettings()},
        min_length=1,
        description="Archives by name; the first is the default.",
    )

    @model_validator(mode="after")
    def _password_has_its_place(self) -> Self:
        if self.database_password_file and not WITHOUT_PASSWORD.fullmatch(self.database_url or ""):
            raise ValueError("database_password_file goes with a database_url postgresql://USER@HOST/NAME")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First wins: arguments, environment, TOML file."""
        _refuse_unknown(os.environ)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())

    @property
    def url(self) -> str:
        """The database address in force, with its password. Raises OSError when that cannot be read."""
        address = self.database_url or f"sqlite:///{self.data_dir / 'mpi.db'}"
        if self.database_password_file is None:
            return address
        password = quote(self.database_password_file.read_text().rstrip("\r\n"), safe="")
        return WITHOUT_PASSWORD.sub(lambda parts: f"{parts[1]}:{password}{parts[2]}", address)


def settings_file() -> Path | None:
    """The TOML file of settings; None: there is none, or `MPI_SETTINGS` is empty.

    Raises SettingsError when `MPI_SETTINGS` names a file that is not there.
    """
    named = os.environ.get(FILE_VARIABLE)
    file = Path(USUAL_FILE if named is None else named)
    if named and not file.is_file():
        raise SettingsError(f"{FILE_VARIABLE} names {named}, where no file is")
    return file if file.is_file() else None


def _refuse_unknown(variables: Iterable[str]) -> None:
    """Raises SettingsError for a variable of ours that no setting reads: a misspelt one would be ignored."""
    settings = Settings.model_fields
    for name in sorted(variable.upper() for variable in variables):
        setting, parts, _ = name.removeprefix(PREFIX).lower().partition(NESTED)
        known = setting in settings and (not parts or setting == "archives")
        if not name.startswith(PREFIX) or name == FILE_VARIABLE or known:
            continue
        near = get_close_matches(setting, settings, n=1)
        raise SettingsError(f"{name} is no setting" + "".join(f" ({PREFIX}{one.upper()}?)" for one in near))


def _is_plain_http(url: str) -> bool:
    """Whether this is http(s)://HOST[:PORT][/PATH] and nothing else."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not set(url) & set("@?#")
        )
    except ValueError:
        return False
