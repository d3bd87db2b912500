"""The two MaxMind databases that locate the generated addresses, with the field names of GeoLite2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from benchmarks.organisation.places import PLACES, Place


class _DatedWriter(MMDBWriter):
    """A writer whose build time is given, so that the same parameters give the same bytes."""

    def __init__(self, database_type: str, built_at: int) -> None:
        super().__init__(
            ip_version=4,
            database_type=database_type,
            languages=["en"],
            description="Networks of a generated organisation",
            float_type="f64",
        )
        self._built_at = built_at

    def _build_meta(self) -> dict[str, Any]:
        return {**super()._build_meta(), "build_epoch": self._built_at}


def write_databases(folder: Path, built_at: int) -> None:
    """Write `city.mmdb` and `asn.mmdb`; `built_at` is the build time they carry, in epoch seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    cities, systems = _DatedWriter("GeoLite2-City", built_at), _DatedWriter("GeoLite2-ASN", built_at)
    for place in PLACES:
        network = IPSet([place.network])
        cities.insert_network(network, _location(place))
        systems.insert_network(
            network, {"autonomous_system_number": place.asn, "autonomous_system_organization": place.organisation}
        )
    cities.to_db_file(str(folder / "city.mmdb"))
    systems.to_db_file(str(folder / "asn.mmdb"))


def _location(place: Place) -> dict[str, Any]:
    location: dict[str, Any] = {
        "country": {"iso_code": place.country_code, "names": {"en": place.country}},
        "location": {"latitude": place.latitude, "longitude": place.longitude},
    }
    if place.city is not None:
        location["city"] = {"names": {"en": place.city}}
    return location
