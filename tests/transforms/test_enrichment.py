"""Where an address is, from each layout of database that people have."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from transforms.enrichment import NOWHERE, Location, LocationDatabaseError, Locator

GEOLITE2_CITY = {
    "country": {"iso_code": "DE"},
    "city": {"names": {"en": "Berlin", "de": "Berlin"}},
    "location": {"latitude": 52.5, "longitude": 13.4},
}
FLAT_CITY = {"country_code": "DE", "city": "Berlin", "latitude": "52.5", "longitude": "13.4"}
ASN = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}


def database(path: Path, record: dict[str, Any], network: str = "203.0.113.0/24") -> str:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, float_type="f64")
    writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return str(path)


@pytest.mark.parametrize("city", [GEOLITE2_CITY, FLAT_CITY], ids=["GeoLite2", "flat"])
def test_locator__understands_both_layouts(tmp_path: Path, city: dict[str, Any]) -> None:
    locate = Locator([database(tmp_path / "city.mmdb", city)], [database(tmp_path / "asn.mmdb", ASN)])
    assert locate("203.0.113.7") == Location("DE", "Berlin", 52.5, 13.4, 64500, "Example Net")


def test_locator__a_country_database_gives_the_country_only(tmp_path: Path) -> None:
    assert Locator([database(tmp_path / "c.mmdb", {"country_code": "DE"})])("203.0.113.7").country_code == "DE"


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db8::1", "no address", "10.0.0.1", "fe80::1%eth0", ""])
def test_locator__what_is_not_found_is_nowhere(tmp_path: Path, address: str) -> None:
    assert Locator([database(tmp_path / "city.mmdb", GEOLITE2_CITY)])(address) == NOWHERE
    assert Locator()(address) == NOWHERE


def test_locator__asks_one_database_after_the_other(tmp_path: Path) -> None:
    ipv4 = database(tmp_path / "ipv4.mmdb", FLAT_CITY)
    ipv6 = database(tmp_path / "ipv6.mmdb", FLAT_CITY | {"city": "Bonn"}, "2001:db8::/32")
    locate = Locator([ipv4, ipv6])
    assert [locate(address).city for address in ("203.0.113.7", "2001:db8::1", "192.0.2.1")] == ["Berlin", "Bonn", None]


def test_locator__travels_to_workers_even_after_use(tmp_path: Path) -> None:
    locate = Locator([database(tmp_path / "city.mmdb", GEOLITE2_CITY)])
    locate("203.0.113.7")
    assert pickle.loads(pickle.dumps(locate))("203.0.113.7").city == "Berlin"


def test_locator__names_a_broken_database(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"not a database" * 100)
    with pytest.raises(LocationDatabaseError, match=r"broken\.mmdb"):
        Locator([str(broken)])("203.0.113.7")
    with pytest.raises(LocationDatabaseError, match=r"absent\.mmdb"):
        Locator([], [str(tmp_path / "absent.mmdb")])("203.0.113.7")
