"""Which network addresses a webhook may be sent to.

A webhook endpoint is chosen by whoever holds a key of the app, the app stands inside a network, and an answer's first
characters are shown: without these rules an endpoint would be a window into that network. The registries are IANA's
special-purpose ones (RFC 6890 and its updates); Python's `ipaddress` knows most of them, and what it leaves out, or
counts as reachable, is listed here.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

type Address = IPv4Address | IPv6Address

# What "private" means here: the addresses that local use (WEBHOOK_ALLOW_PRIVATE_NETWORKS) opens.
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_PRIVATE = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
# Services that hand credentials or configuration to whoever is near enough to ask. Those on 169.254.0.0/16 are
# link-local anyway.
_METADATA = (
    IPv4Network("168.63.129.16/32"),  # Azure's wire server: a public address, answered on the host itself
    IPv4Network("100.100.100.200/32"),  # Alibaba Cloud
    IPv4Network("192.0.0.192/32"),  # Oracle Cloud
    IPv6Network("fd00:ec2::/32"),  # Amazon: instance metadata, time and name servers
    IPv6Network("fd20:ce::/32"),  # Google
)
_LINK_LOCAL = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))
_MULTICAST = (IPv4Network("224.0.0.0/4"), IPv6Network("ff00::/8"))
_RESERVED = (
    IPv4Network("0.0.0.0/8"),  # "this network", and 0.0.0.0 reaches the machine itself
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT: shared with whoever is behind the same provider
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("198.18.0.0/15"),  # benchmarking
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("240.0.0.0/4"),  # future use, and broadcast
    IPv6Network("2001::/23"),  # IETF protocols, Teredo and ORCHID among them
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),  # documentation
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of local use: what it leads to only the local network knows
)
# All of IPv6 that is handed out for use on the internet. Anything else is some special purpose, known or to come.
_IPV6_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = IPv6Network("::/96")
_IPV4_TRANSLATED = IPv6Network("::ffff:0:0:0/96")


def why_refused(address: str, *, allow_private: bool) -> str | None:
    """What `address` is if nothing may be sent to it ("a private address"), or None if something may.

    The reason does not repeat the address: callers would learn from it which address a name has inside the network.
    `allow_private` opens loopback and private addresses; link-local, metadata, multicast and reserved ones stay shut.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return "an address with a zone, which only a link-local one needs"
    kind = _kind(_embedded_ipv4(parsed) or parsed)
    if kind is None or (allow_private and kind in {"loopback", "private"}):
        return None
    return f"a {kind} address"


def _embedded_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, where some translator or tunnel would lead to it."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    in_last_bits = any(address in network for network in (_NAT64, _IPV4_TRANSLATED, _IPV4_COMPATIBLE))
    if in_last_bits and int(address) > 1:  # :: and ::1 lie in the IPv4-compatible range and are not meant by it
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _kind(address: Address) -> str | None:
    """What makes the address one of special purpose, or None for an ordinary public one."""
    kinds = {
        "metadata": _METADATA,
        "link-local": _LINK_LOCAL,
        "loopback": _LOOPBACK,
        "private": _PRIVATE,
        "multicast": _MULTICAST,
        "reserved": _RESERVED,
    }
    for kind, networks in kinds.items():
        if any(address in network for network in networks):
            return kind
    outside = isinstance(address, IPv6Address) and address not in _IPV6_GLOBAL_UNICAST
    return "reserved" if outside or not address.is_global else None
