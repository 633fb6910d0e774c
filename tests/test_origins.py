"""Which pages may embed the widget: the list, and what a browser's Origin header names."""

import pytest

from app.errors import ConfigError
from app.origins import is_allowed, parse_allowed, parse_origin

LIST = parse_allowed("https://www.example.gov.cn, *.kw.example.gov.cn,http://localhost:8000 ,https://政务.example.cn")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://www.example.gov.cn", True),
        ("https://WWW.example.gov.cn", True),
        ("https://www.example.gov.cn:443", True),
        ("https://a.kw.example.gov.cn", True),
        ("https://a.b.kw.example.gov.cn", True),
        ("http://localhost:8000", True),
        ("https://xn--zfr164b.example.cn", True),
        ("http://www.example.gov.cn", False),
        ("https://www.example.gov.cn:8443", False),
        ("https://example.gov.cn", False),
        ("https://kw.example.gov.cn", False),
        ("https://evilkw.example.gov.cn", False),
        ("https://a.kw.example.gov.cn.evil.example", False),
        ("https://www.example.gov.cn.evil.example", False),
        ("http://localhost:8001", False),
        ("http://localhost", False),
    ],
)
def test_only_what_stands_on_the_list_is_allowed(origin: str, expected: bool) -> None:
    parsed = parse_origin(origin)
    assert parsed is not None
    assert is_allowed(parsed, LIST) is expected


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "",
        "https://",
        "https://www.example.gov.cn/",
        "https://user@www.example.gov.cn",
        "https://www.example.gov.cn\r\n",
        "https://www.example.gov.cn https://evil.example",
        "file://",
        "chrome-extension://abcdef",
        "https://www.example.gov.cn:port",
        "https://www.example..cn",
        "https://*.example.gov.cn",
        "//www.example.gov.cn",
    ],
)
def test_what_is_no_web_origin_is_none(text: str) -> None:
    assert parse_origin(text) is None


def test_the_entries_mean_the_same_in_a_content_security_policy() -> None:
    assert [str(entry) for entry in LIST] == [
        "https://www.example.gov.cn",
        "https://*.kw.example.gov.cn",
        "http://localhost:8000",
        "https://xn--zfr164b.example.cn",
    ]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("*", "every web site"),
        ("https://*", "every web site"),
        ("*.cn", "whole domain ending"),
        ("*.1.2", "of an address"),
        ("https://www.*.cn", "only in front"),
        ("https://w*.example.cn", "only in front"),
        ("https://www.example.cn/page", "without path"),
        ("https://www.example.cn; script-src *", "only in front"),
        ("https://www.example.cn;script-src", "is not an origin"),
        ("https://www example cn", "without path"),
        ("ftp://www.example.cn", "is not an origin"),
        ("https://www.example.cn:99999", "is not an origin"),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_wrong(entry: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        parse_allowed(f"https://fine.example.cn, {entry}")
    assert repr(entry) in str(caught.value)
    assert "https://www.example.gov.cn" in str(caught.value)


def test_an_empty_list_allows_nobody() -> None:
    assert parse_allowed(" , ") == ()
