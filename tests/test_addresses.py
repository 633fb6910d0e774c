"""Addresses: what is public, what a Host header names, which proxies are trusted."""

import pytest

from app.addresses import host_name, is_local_name, is_public, is_within, parse_address, parse_networks
from app.errors import ConfigError


@pytest.mark.parametrize("text", ["8.8.8.8", "202.96.128.86", "2400:3200::1", "::ffff:8.8.8.8"])
def test_addresses_that_everybody_reaches_are_public(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert is_public(address)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "2001:0:7f00:1::",
        "2001:db8::1",
    ],
)
def test_addresses_of_this_network_are_not_public_in_any_spelling(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize(
    ("host", "name", "is_local"),
    [
        ("127.0.0.1:7860", "127.0.0.1", True),
        ("[::1]:7860", "::1", True),
        ("[::1]", "::1", True),
        ("localhost", "localhost", True),
        ("LOCALHOST:80", "localhost", True),
        ("qa.localhost:7860", "qa.localhost", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("qa.example.gov.cn:443", "qa.example.gov.cn", False),
        ("localhost.evil.example", "localhost.evil.example", False),
        ("127.0.0.1.evil.example:7860", "127.0.0.1.evil.example", False),
        ("", "", False),
        ("a:b:c", "a:b:c", False),
    ],
)
def test_a_host_header_is_read(host: str, name: str, is_local: bool) -> None:
    assert host_name(host) == name
    assert is_local_name(name) is is_local


def test_networks_hold_their_addresses() -> None:
    networks = parse_networks("127.0.0.1, 10.0.0.0/8,::1")
    assert is_within("10.2.3.4", networks)
    assert is_within("::ffff:127.0.0.1", networks)
    assert is_within("::1", networks)
    assert not is_within("11.0.0.1", networks)
    assert not is_within("", networks)
    assert not is_within("proxy.example", networks)


@pytest.mark.parametrize("entry", ["*", "proxy.example", "10.0.0.0/99", "10.0.0"])
def test_a_wrong_network_is_named(entry: str) -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        parse_networks(f"127.0.0.1, {entry}")
