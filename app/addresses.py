"""Network addresses: which proxies are trusted, which hosts the server goes by, what is reachable by everybody. Pure."""

import ipaddress
from collections.abc import Iterable

from app.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SPECIAL_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
"""What is no public host: IANA's registry of special-purpose addresses (RFC 6890), multicast, reserved."""
_UNICAST_IPV6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_IPV6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""The same within global unicast: Teredo and other protocols, documentation, 6to4 (which carries any IPv4 address)."""


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

    Stricter than `address.is_global`, and the same in every version of Python: no IPv6 address that carries an IPv4 one
    (mapped, NAT64, 6to4, Teredo) is public.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _UNICAST_IPV6 and not any(address in network for network in _SPECIAL_IPV6)


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
