"""Where an address is and who announces it, from databases in the MaxMind format.

Belongs here: reading one address out of GeoLite2, GeoIP2 or DB-IP. Does not: fetching the databases, or deciding which to use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

import maxminddb

_REMEMBERED = 131_072  # addresses a worker keeps; a few hundred bytes each


class LocationDatabaseError(Exception):
    """A location database is missing or cannot be read; the message names it."""


class Location(NamedTuple):
    """What is known of an address. Latitude and longitude are degrees, WGS 84."""

    country_code: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    asn: int | None = None
    aso: str | None = None


NOWHERE = Location()


class Locator:
    """A function from address to `Location` that can be sent to workers: each opens the databases itself, when first asked.

    Args:
        city_paths: city or country databases, GeoLite2's layout (`country.iso_code`) or flat keys (`country_code`); the first
            one that knows an address counts (free data come as one file for IPv4 and one for IPv6).
        asn_paths: autonomous system databases. Without any, their part of the location is null.
    """

    def __init__(self, city_paths: Sequence[str] = (), asn_paths: Sequence[str] = ()) -> None:
        self._paths = (tuple(city_paths), tuple(asn_paths))
        self._located: Any = None

    def __reduce__(self) -> tuple[type[Locator], tuple[tuple[str, ...], tuple[str, ...]]]:
        return Locator, self._paths

    def __call__(self, address: str) -> Location:
        """Return where the address is; all null if no database knows it, or it is no address.

        Raises:
            LocationDatabaseError: a database is missing or broken.
        """
        if self._located is None:
            look_up_city, look_up_asn = map(_opened, self._paths)

            def located(address: str) -> Location:
                return _location(look_up_city(address), look_up_asn(address))

            self._located = lru_cache(maxsize=_REMEMBERED)(located)
        location: Location = self._located(address)
        return location


def database_type(path: str) -> str:
    """Return what a database says it is: `GeoLite2-City`.

    Raises:
        LocationDatabaseError: it is missing, or no location database.
    """
    with _reader(path) as reader:
        return str(reader.metadata().database_type)


def _reader(path: str) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except FileNotFoundError as error:
        raise LocationDatabaseError(f"there is no file {path}") from error
    except OSError as error:
        raise LocationDatabaseError(f"{path} cannot be opened ({error.strerror or error})") from error
    except (maxminddb.InvalidDatabaseError, ValueError) as error:
        raise LocationDatabaseError(f"{path} is not a readable location database (MMDB)") from error


def _opened(paths: Sequence[str]) -> Callable[[str], dict[str, Any]]:
    """Return a function from address to the record of the first database that has one, `{}` if none has."""
    readers = [(path, _reader(path)) for path in paths]

    def look_up(address: str) -> dict[str, Any]:
        for path, reader in readers:
            try:
                record = reader.get(address)
            except ValueError:  # not an address, or IPv6 in a database of IPv4
                continue
            except (maxminddb.InvalidDatabaseError, UnicodeDecodeError) as error:
                raise LocationDatabaseError(f"{path}: broken location database: {error}") from error
            if isinstance(record, dict) and record:
                return record
        return {}

    return look_up


def _location(place: dict[str, Any], network: dict[str, Any]) -> Location:
    country, city, point = (_part(place, name) for name in ("country", "city", "location"))
    return Location(
        country_code=country.get("iso_code") or _text(place.get("country_code")),
        city=_part(city, "names").get("en") or _text(place.get("city")),
        latitude=_number(point.get("latitude", place.get("latitude"))),
        longitude=_number(point.get("longitude", place.get("longitude"))),
        asn=_whole(network.get("autonomous_system_number")),
        aso=_text(network.get("autonomous_system_organization")),
    )


def _part(record: dict[str, Any], name: str) -> dict[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    """Return a coordinate, which some databases keep as text."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
