"""What an organisation says of itself: names of accounts, its own addresses, its vendors, notes, addresses to be wary of.

Belongs here: what may be said, and looking it up. Does not: reading the file (`pipelines.context`), nor what follows for a page
(`mentions`, `indicators`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

_WIDEST = {4: 8, 6: 16}  # an `egress` of half the internet would silence everything
_MAPPED = IPv6Network("::ffff:0:0/96")


def network(text: str) -> str:
    """Return an address or network (CIDR) as a network, in its one spelling.

    Raises:
        ValueError: it is neither, or has bits set beyond its length; the message says so.
    """
    try:
        loose = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError("not an address, and not a network as 198.51.100.0/24") from None
    if ip_address(text.strip().partition("/")[0]) != loose.network_address:
        raise ValueError(f"not a network: is it {loose}, or one address without the length?")
    return str(loose)


def _own_network(text: str) -> str:
    own = ip_network(network(text))
    if own.prefixlen < _WIDEST[own.version]:
        raise ValueError(f"too wide for addresses of one organisation: at most a /{_WIDEST[own.version]}")
    return str(own)


def _account_id(text: str) -> str:
    if len(text) != 12 or not (text.isascii() and text.isdigit()):
        raise ValueError("not an account id: twelve digits")
    return text


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
AccountId = Annotated[str, AfterValidator(_account_id)]
Network = Annotated[str, AfterValidator(network)]
OwnNetworks = Annotated[tuple[Annotated[str, AfterValidator(_own_network)], ...], BeforeValidator(_listed)]


class Flagged(BaseModel):
    """Addresses to be wary of, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Text
    addresses: Annotated[tuple[Network, ...], BeforeValidator(_listed)] = ()


class Context(BaseModel):
    """All that a context file says. Without a file it says nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accounts: Mapping[AccountId, Text] = {}
    """Names of the organisation's accounts."""
    vendors: Mapping[AccountId, Text] = {}
    """Names of accounts of others that are let in on purpose."""
    egress: Mapping[Text, OwnNetworks] = {}
    """The organisation's own addresses, by the name of the place or device."""
    users: Mapping[Text, Text] = {}
    """Notes, by id, ARN or name of a person or workload."""
    roles: Mapping[Text, Text] = {}
    """Notes, by ARN or name of a role."""
    flagged_addresses: tuple[Flagged, ...] = ()

    def model_post_init(self, _context: object) -> None:
        """Look through the networks now: workers get the context with them, and need not do it in every task."""
        _ = self._egress, self._flagged

    @property
    def digest(self) -> str | None:
        """Hash of all that is said, null if nothing is: documents made with another one are to be made anew."""
        if self == EMPTY:
            return None
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def account_name(self, account_id: str | None) -> str | None:
        """Return the name of an account, the organisation's or a vendor's."""
        return self.accounts.get(account_id or "") or self.vendors.get(account_id or "")

    def own_address(self, address: str | None) -> str | None:
        """Return the name of the egress that an address belongs to, null if it is none of the organisation's."""
        return self._egress.name_of(address)

    def flagged(self, address: str | None) -> str | None:
        """Return why an address is flagged, null if it is not."""
        return self._flagged.name_of(address)

    @cached_property
    def _egress(self) -> Networks:
        return Networks((each, name) for name, networks in self.egress.items() for each in networks)

    @cached_property
    def _flagged(self) -> Networks:
        return Networks((each, one.reason) for one in self.flagged_addresses for each in one.addresses)


class Networks:
    """Many named networks, and which of them an address is in: as many look-ups as there are lengths, however many networks."""

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        """Take networks with their names; of two names for one network the first stays."""
        by_length: dict[tuple[int, int], dict[int, str]] = defaultdict(dict)
        for text, name in named:
            one = ip_network(text)
            key, bits = (one.version, one.prefixlen), int(one.network_address)
            if isinstance(one, IPv6Network) and one.subnet_of(_MAPPED):
                key, bits = (4, one.prefixlen - 96), bits & 0xFFFFFFFF
            by_length[key].setdefault(bits, name)
        self._by_length = sorted(by_length.items(), reverse=True)  # the narrowest first

    def name_of(self, text: str | None) -> str | None:
        """Return the name of the narrowest network that an address is in; null if it is in none, or is no address."""
        try:
            address = ip_address(text or "")
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        for (version, length), networks in self._by_length:
            unused = address.max_prefixlen - length
            if version == address.version and (name := networks.get(int(address) >> unused << unused)) is not None:
                return name
        return None


EMPTY = Context()
