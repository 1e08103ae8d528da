"""Which proxy the environment names for a server, as Go's clients read it. Source: golang.org/x/net/http/httpproxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping


def environment_proxy(scheme: str, host: str, port: int, environ: Mapping[str, str]) -> str:
    """The URL of the proxy from `HTTPS_PROXY` or `HTTP_PROXY`; empty when there is none or `NO_PROXY` excepts the host.

    Loopback is never reached through a proxy.
    """
    name = f"{scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    excepted = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not proxy or _is_loopback(host) or any(_matches(rule, host, port) for rule in excepted.split(",")):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _matches(rule: str, host: str, port: int) -> bool:
    """One entry of `NO_PROXY`: `*`, an address, a network, a domain (with its subdomains), any with a port."""
    rule = rule.strip().lower()
    address = _address(host)
    if "/" in rule:
        try:
            return address is not None and address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    bare, colon, only_port = rule.rpartition(":")
    if colon and only_port.isdigit() and _address(rule) is None:
        if int(only_port) != port:
            return False
        rule = bare
    if address is not None:
        return rule == "*" or _address(rule.strip("[]")) == address
    domain = rule.removeprefix("*")  # `*.example.com` is `.example.com`: the subdomains alone
    suffix = domain if domain.startswith(".") or rule == "*" else f".{domain}"
    return bool(rule) and (host.lower() == domain or host.lower().endswith(suffix))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
