"""Where callers sit: networks with a city and an autonomous system.

Cities are real, the networks stand for their providers.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network


@dataclass(frozen=True)
class Place:
    """A network, where it is and whose it is.

    `utc_offset` is its winter time in hours; a place without a city is known by country only.
    """

    network: str
    country_code: str
    country: str
    city: str | None
    latitude: float
    longitude: float
    asn: int
    organisation: str
    utc_offset: int

    def address(self, number: int) -> str:
        """Return the network's address of that number, wrapped to its size."""
        network = IPv4Network(self.network)
        return str(network[1 + number % (network.num_addresses - 2)])


BELLEVUE = Place("73.83.64.0/20", "US", "United States", "Bellevue", 47.6, -122.2, 7922, "COMCAST-7922", -8)
ASHBURN = Place("108.28.112.0/20", "US", "United States", "Ashburn", 39.0, -77.5, 701, "UUNET", -5)
SEATTLE = Place("50.34.32.0/20", "US", "United States", "Seattle", 47.6, -122.3, 20055, "AS-WHOLESAIL", -8)
AUSTIN = Place("70.112.16.0/20", "US", "United States", "Austin", 30.3, -97.7, 11427, "TWC-11427-TEXAS", -6)
DUBLIN = Place("86.40.96.0/20", "IE", "Ireland", "Dublin", 53.3, -6.2, 5466, "Eircom Limited", 0)
BERLIN = Place("87.122.32.0/20", "DE", "Germany", "Berlin", 52.5, 13.4, 8881, "1&1 Versatel Deutschland GmbH", 1)
WARSAW = Place("83.9.128.0/20", "PL", "Poland", "Warsaw", 52.2, 21.0, 5617, "Orange Polska Spolka Akcyjna", 1)
MOBILE = Place("92.40.160.0/20", "GB", "United Kingdom", None, 51.5, -0.1, 206067, "Three UK", 0)
AWS_EAST = Place("3.224.0.0/16", "US", "United States", "Ashburn", 39.0, -77.5, 14618, "AMAZON-AES", -5)
AWS_WEST = Place("44.224.0.0/16", "US", "United States", "Boardman", 45.8, -119.7, 16509, "AMAZON-02", -8)
RUNNERS = Place("20.55.0.0/16", "US", "United States", "Boydton", 36.7, -78.4, 8075, "MICROSOFT-CORP-MSN-AS-BLOCK", -5)
VENDOR = Place("34.107.64.0/20", "BE", "Belgium", "Brussels", 50.9, 4.4, 396982, "GOOGLE-CLOUD-PLATFORM", 1)
OUTSIDE = Place("185.156.172.0/22", "RO", "Romania", "Bucharest", 44.4, 26.1, 9009, "M247 Europe SRL", 2)

HOMES = (SEATTLE, DUBLIN, BERLIN, AUSTIN, WARSAW)
PLACES = (BELLEVUE, ASHBURN, *HOMES, MOBILE, AWS_EAST, AWS_WEST, RUNNERS, VENDOR, OUTSIDE)
AWS_BY_REGION = {"us-east-1": AWS_EAST, "us-west-2": AWS_WEST}
