"""Network addresses: which proxies are trusted, which hosts the server goes by, what is reachable by everybody. Pure."""

import ipaddress
from collections.abc import Iterable

from app.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the addresses and networks of a list with commas. Raises ConfigError, which names the wrong one."""
    networks = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError as error:
            raise ConfigError(
                f"setting trusted_proxies holds {entry[:100]!r}; write addresses or networks, such as 127.0.0.1, 10.0.0.0/8"
            ) from error
    return tuple(networks)


def parse_address(text: str) -> Address | None:
    """Return an address, an IPv4 one that is wrapped in IPv6 as itself; None for anything else, names among them."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_within(text: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address lies in one of some networks."""
    address = parse_address(text)
    return address is not None and any(address in network for network in networks)


def is_public(address: Address) -> bool:
    """Tell an address that anybody can reach from one of this machine, its network, or a special purpose.

    IPv6 addresses that carry an IPv4 one (mapped, 6to4, Teredo, NAT64) are public if that is, too.
    """
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return all(is_public(carried) for carried in _carried(address))


def _carried(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    teredo = address.teredo or ()
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *teredo]
    if address in _NAT64 or address in _LOCAL_NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if int(address) >> 32 == 0:
        found.append(ipaddress.IPv4Address(int(address)))
    return [carried for carried in found if carried is not None]


def host_name(host: str) -> str:
    """Return the name or address in a Host header, without its port, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def is_local_name(name: str) -> bool:
    """Tell a host that no name server of somebody else can have pointed here: an address, or localhost."""
    return parse_address(name) is not None or name == "localhost" or name.endswith(".localhost")


def is_loopback(host: str) -> bool:
    """Tell an address that only this machine can call."""
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
