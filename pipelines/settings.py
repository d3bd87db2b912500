"""Settings: where the logs, the lake and the reports are. From `ROLESCOPE_…` variables, or from the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# CloudTrail began on this day: no log is older.
FIRST_DAY = date(2013, 11, 13)

_PREFIX = "ROLESCOPE_"
_OTHERS = frozenset({"ROLESCOPE_SPARK_LOG"})  # of Spark's own log, see pipelines/log4j2.properties
# What is expected of a value, where the words of pydantic do not say it.
_EXPECTED = {
    "int_parsing": "not a whole number",
    "int_from_float": "not a whole number",
    "float_parsing": "not a number",
    "string_too_short": "it is empty",
}
_EXPECTED_OF = {
    "aws_region": "write it as eu-west-1",
    "aws_role": "write it as arn:aws:iam::111111111111:role/name",
    "spark_master": "write it as local[*], spark://host:7077, sc://host:15002, k8s://…, yarn or attached",
    "spark_memory": "write it as 3g or 3000m",
}
_SECRETS = frozenset({"webhook"})  # settings whose value is shown to nobody
# What a database of the other kind calls itself.
_OTHER_KIND = {"geo_city": ("asn",), "geo_asn": ("city", "country")}


def _listed(value: object) -> object:
    """Split paths as PATH does; free city data come as one file for IPv4 and one for IPv6."""
    return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value


def _is_safe_to_send_to(url: SecretStr) -> SecretStr:
    """Let answers leave by https only, or to this machine."""
    try:
        parts = urlsplit(url.get_secret_value())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not an address") from None
    if not host or parts.scheme not in ("https", "http"):
        raise ValueError("write it as https://host/path")
    if parts.username is not None:
        raise ValueError("a user and password before the host would not be sent")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("http is for this machine only (127.0.0.1, localhost): use https")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_endpoint(url: str) -> str:
    """Hold an address to what a client can be made with."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not an address") from None
    if not host or parts.scheme not in ("https", "http") or parts.username is not None:
        raise ValueError("write it as https://host or https://host:port")
    return url


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Endpoint = Annotated[str, AfterValidator(_is_endpoint)]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")]
Role = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^\s]+$")]
Webhook = Annotated[SecretStr, AfterValidator(_is_safe_to_send_to)]
Severity = Annotated[Literal["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"], BeforeValidator(_upper)]
Databases = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_listed)]


class SettingError(Exception):
    """A setting is wrong; the message says which, and what it should be."""


class Settings(BaseSettings):
    """All settings, each with the variable that sets it (`ROLESCOPE_LAKE` for `lake`)."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, extra="forbid")

    cloudtrail: str | None = Field(
        default=None,
        description="Folder or `s3://bucket/prefix` with CloudTrail objects (AWSLogs/…); several buckets with `,` between",
    )
    findings: str | None = Field(
        default=None,
        description=(
            "Folder or `s3://bucket/prefix` with exported GuardDuty findings (AWSLogs/…/GuardDuty/…); or `guardduty:` for its API, "
            "`guardduty:eu-west-1,us-east-1` for some regions of it"
        ),
    )
    flows: str | None = Field(
        default=None,
        description="Folder or `s3://bucket/prefix` with VPC flow logs, text or Parquet (AWSLogs/…/vpcflowlogs/…)",
    )
    lake: str = Field(default="lake", min_length=1, description="Folder of the lake, or `s3a://bucket/prefix`")
    reports: str | None = Field(default=None, description="Folder of the reports; `<lake>/reports` if not set")
    geo_city: Databases = Field(
        default=(), description=f"MMDB files with cities: GeoLite2-City, DB-IP city lite; `{os.pathsep}` between them"
    )
    geo_asn: Databases = Field(
        default=(),
        description=f"MMDB files with autonomous systems: GeoLite2-ASN, DB-IP ASN lite; `{os.pathsep}` between",
    )
    context: Path | None = Field(
        default=None,
        description="YAML file with what the organisation says of itself (names, own addresses, vendors): docs/context.example.yaml",
    )
    webhook: Webhook | None = Field(
        default=None,
        description="Where to POST the answers of severe reports and what failed in a night: https://…, or http:// on this machine",
    )
    webhook_severity: Severity = Field(
        default="HIGH", description="Least severity of a report that the webhook is told of"
    )
    lookback_days: int = Field(
        default=3, ge=0, le=400, description="Days before the first one that are listed again for late objects"
    )
    chunk_objects: int = Field(default=400_000, ge=1, description="Most objects that are read in one go")
    chunk_megabytes: int = Field(default=128, ge=1, description="Most megabytes of objects that are read in one go")
    retention_months: int = Field(
        default=12,
        ge=1,
        le=1200,
        description="Whole months before the newest publish day's for which upkeep keeps events, findings and rejects",
    )
    vacuum_days: int = Field(
        default=7,
        ge=0,
        le=3650,
        description="Days for which upkeep keeps files that left a table, for queries that began before",
    )
    lock_wait_minutes: float = Field(
        default=120, ge=0, description="How long a run waits for another that writes to the same lake"
    )
    aws_region: Region | None = Field(default=None, description="Region of the buckets; what boto3 finds if not set")
    aws_role: Role | None = Field(default=None, description="ARN of a role to assume for reading logs and findings")
    aws_external_id: str | None = Field(default=None, description="External id that the role asks for")
    s3_endpoint: Endpoint | None = Field(default=None, description="Address of another S3 than AWS's: https://host")
    s3_requester_pays: bool = Field(default=False, description="Agree to pay for requests to the buckets, and transfer")
    s3_threads: int = Field(default=16, ge=1, le=256, description="Requests to S3 at a time, of each process")
    spark_master: str = Field(
        default="local[*]",
        pattern=r"^(local(-cluster)?(\[.+\])?|(spark|sc|k8s)://.+|yarn|attached)$",
        description="Spark to run on: `local[*]`, `spark://…`, `sc://…`, `yarn`, or `attached` (docs/cluster.md)",
    )
    spark_memory: str = Field(default="2560m", pattern=r"^[1-9][0-9]*[mg]$", description="Heap of a local Spark")

    @property
    def lake_uri(self) -> str:
        """Address of the lake: an absolute path, or a bucket's address as it is."""
        return self.lake if "://" in self.lake else str(Path(self.lake).absolute())

    @property
    def report_folder(self) -> Path:
        """Where the reports are."""
        return Path(self.reports) if self.reports else Path(self.lake) / "reports"


def load_settings(**given: object) -> Settings:
    """Return the settings; those given win over the environment.

    Raises:
        SettingError: one of them is wrong, or a variable is named like a setting and is none.
    """
    _no_unknown(os.environ)
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingError(_what_is_wrong(error)) from error
    for name, paths in (("geo_city", settings.geo_city), ("geo_asn", settings.geo_asn)):
        for path in paths:
            _is_database(name, path)
    if settings.context is not None:
        from pipelines.context import read_context  # noqa: PLC0415

        read_context(settings.context)
    return settings


def _no_unknown(variables: Iterable[str]) -> None:
    known = {_variable(name) for name in Settings.model_fields} | _OTHERS
    for variable in sorted(variables):
        if variable.upper().startswith(_PREFIX) and variable.upper() not in known:
            like = get_close_matches(variable.upper().removeprefix(_PREFIX), map(str.upper, Settings.model_fields), n=1)
            hint = f"; is it {_variable(like[0])}?" if like else ""
            raise SettingError(f"there is no setting {variable}{hint}")


def _what_is_wrong(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    said = first["msg"][:1].lower() + first["msg"][1:]
    expected = _EXPECTED_OF.get(name) or _EXPECTED.get(first["type"]) or said.removeprefix("value error, ")
    if name in _SECRETS:
        return f"{_named(name)}: {expected}"
    return f"{_named(name)}: {str(first['input'])!r}: {expected}"


def _is_database(name: str, path: Path) -> None:
    """Look into a location database now: a worker that cannot read it fails an hour later.

    Raises:
        SettingError: it cannot be read, or is one of the other kind.
    """
    from transforms.enrichment import LocationDatabaseError, database_type  # noqa: PLC0415

    if path.is_dir():
        raise SettingError(f"{_named(name)}: {path} is a folder, not a file")
    try:
        kind = database_type(str(path))
    except LocationDatabaseError as error:
        raise SettingError(f"{_named(name)}: {error}") from error
    if any(other in kind.lower() for other in _OTHER_KIND[name]):
        raise SettingError(f"{_named(name)}: {path} is a database of another kind ({kind})")


def _named(name: str) -> str:
    return f"setting {name} ({_variable(name)})"


def _variable(name: str) -> str:
    return _PREFIX + name.upper()
