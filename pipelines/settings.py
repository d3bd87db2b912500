"""Settings: where the logs, the lake and the reports are. From `ROLESCOPE_…` variables, or from the command line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# CloudTrail began on this day: no log is older.
FIRST_DAY = date(2013, 11, 13)


class SettingError(Exception):
    """A setting is wrong; the message says which, and what it should be."""


class Settings(BaseSettings):
    """All settings, each with the variable that sets it (`ROLESCOPE_LAKE` for `lake`)."""

    model_config = SettingsConfigDict(env_prefix="ROLESCOPE_", env_ignore_empty=True, extra="forbid")

    cloudtrail: str | None = Field(
        default=None, description="Folder with CloudTrail objects in the layout of S3 (AWSLogs/…)"
    )
    findings: str | None = Field(
        default=None, description="Folder with exported GuardDuty findings (AWSLogs/…/GuardDuty/…)"
    )
    lake: str = Field(default="lake", description="Folder of the lake")
    reports: str | None = Field(default=None, description="Folder of the reports; <lake>/reports if not set")
    geo_city: Path | None = Field(default=None, description="MMDB file with cities: GeoLite2-City, DB-IP city lite")
    geo_asn: Path | None = Field(
        default=None, description="MMDB file with autonomous systems: GeoLite2-ASN, DB-IP ASN lite"
    )
    lookback_days: int = Field(
        default=3, ge=0, le=400, description="Days before the first one that are listed again for late objects"
    )
    chunk_objects: int = Field(default=100_000, ge=1, description="Most objects that are read in one go")
    chunk_megabytes: int = Field(default=192, ge=1, description="Most megabytes of objects that are read in one go")
    spark_master: str = Field(default="local[*]", description="Spark to run on: local[*], spark://…, sc://…")
    spark_memory: str = Field(default="3g", pattern=r"^[0-9]+[mg]$", description="Heap of a local Spark")

    @field_validator("geo_city", "geo_asn")
    @classmethod
    def _is_a_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

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
        SettingError: one of them is wrong.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingError(f"setting {name} ({'ROLESCOPE_' + name.upper()}): {first['msg']}") from error
