"""Which URLs and network addresses webhooks may go to.

Anyone with a key of the app can register an endpoint, the app runs inside a network, and the start of each answer is
shown: without these rules an endpoint would be a window into that network. The address ranges are in IANA's
special-purpose registries (RFC 6890 and its updates). Python's `ipaddress` knows most of them; the lists here add
those that it does not know or counts as reachable.
"""

import base64
import re
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, parse_qsl, urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from shared.redaction import SECRET_REMOVED, redact

type Address = IPv4Address | IPv6Address

# The addresses that local use (WEBHOOK_ALLOW_PRIVATE_NETWORKS) allows.
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_PRIVATE = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
# Services that give credentials or configuration to any machine in the network. Those on 169.254.0.0/16 are
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
    IPv4Network("0.0.0.0/8"),  # "this network"; 0.0.0.0 reaches the machine itself
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT: shared by customers of the same provider
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
    IPv6Network("64:ff9b:1::/48"),  # NAT64 for local use: only the local network knows where it leads
)
# All of IPv6 that is assigned for use on the internet. Anything else has a special purpose, or may get one.
_IPV6_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = IPv6Network("::/96")
_IPV4_TRANSLATED = IPv6Network("::ffff:0:0:0/96")


def why_refused(address: str, *, allow_private: bool) -> str | None:
    """What kind of address it is if nothing may be sent to it ("a private address"); None if it is allowed.

    The reason does not repeat the address: callers must not learn which address a name has inside the network.
    `allow_private` allows loopback and private addresses; link-local, metadata, multicast and reserved ones stay
    refused.
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
    """The IPv4 address that a translator or tunnel would reach through this IPv6 address; None if there is none."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    in_last_bits = any(address in network for network in (_NAT64, _IPV4_TRANSLATED, _IPV4_COMPATIBLE))
    if in_last_bits and not address.is_loopback:  # ::1 is in the IPv4-compatible range by accident
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _kind(address: Address) -> str | None:
    """The special purpose of the address, or None for an ordinary public one."""
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


URL_MAX_CHARACTERS = 2048
MASK = "***"


def prepared_url(url: str) -> str:
    """`url` as requests sends it: host in lower case and ASCII, path quoted. Raises requests.RequestException."""
    return requests.Request(url=url).prepare().url or ""


@lru_cache(maxsize=256)
def url_faults(url: str, *, allow_private: bool) -> tuple[str, ...]:
    """Every reason in the URL itself why it cannot be an endpoint; empty if it can."""
    if len(url) > URL_MAX_CHARACTERS:
        return (f"is longer than {URL_MAX_CHARACTERS} characters",)
    # requests strips some blanks and keeps others, and not every parser agrees on which.
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        return ("contains a blank, a control character or a backslash",)
    if MASK in url:
        return (f"contains {MASK}, which hides a secret where URLs are shown: send the whole URL",)
    try:
        prepared = prepared_url(url)
        parts = urlsplit(prepared)
        # Preparing drops port 0.
        port = parse_url(url).port if parts.port is None else parts.port
    except (ValueError, requests.RequestException, HTTPError):
        return ("is not a URL",)
    faults = []
    if len(prepared) > URL_MAX_CHARACTERS:
        faults.append(f"is longer than {URL_MAX_CHARACTERS} characters once it is percent-encoded")
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        faults.append("does not begin with https://")
    if "@" in parts.netloc or "@" in urlsplit(url).netloc:
        faults.append("contains userinfo (a user name or password before the host)")
    if port == 0:
        faults.append("has port 0")
    if parts.fragment:
        faults.append("has a fragment (#), which is never sent")
    return (*faults, *_host_faults(parts.hostname or "", allow_private=allow_private))


def origin(url: str) -> tuple[str, str | None, int | None]:
    """The scheme, host and port that a URL leads to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _host_faults(host: str, *, allow_private: bool) -> list[str]:
    if "%" in host:
        return ["has a host with a zone or an escaped character"]
    name = host.rstrip(".")
    if not name:
        return ["has no host"]
    if ":" in name or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]):
        # An address, or what some resolvers take for one: 2130706433, 0x7f.1, 0177.0.0.1, 127.1 all mean 127.0.0.1.
        try:
            ip_address(name)
        except ValueError:
            return ["has an IP address in an unusual spelling"]
        reason = why_refused(name, allow_private=allow_private)
        return [] if reason is None else [f"the host is {reason}, where webhooks may not go"]
    if not allow_private and (name == "localhost" or name.endswith((".localhost", ".localdomain"))):
        return ["the host is this machine itself"]
    return []


type Headers = tuple[tuple[str, str], ...]

# A shorter value ("1.0") also occurs by chance: removing it everywhere would garble the text.
_SECRET_MIN_CHARACTERS = 8
# Chat services whose paths are secrets: the host, and what comes before the secret part.
_SECRET_PATHS = (
    (re.compile(r"hooks\.slack(?:-gov)?\.com"), re.compile(r"^/(?:services|workflows|triggers)/")),
    (re.compile(r".*\.webhook\.office\.com|outlook\.office(?:365)?\.com"), re.compile(r"^/webhook(?:b2)?/")),
    (
        re.compile(r".*\.logic\.azure\.(?:com|us|cn)|.*\.api\.powerplatform\.(?:com|us|cn)"),
        re.compile(r".*/workflows/"),
    ),
)
# Shorter ones are removed only where they stand alone: as a part of other words they occur by chance.
_FOUND_ANYWHERE_MIN_CHARACTERS = 4
# An escaped character can take six: \u0041, or %2541 and a little more.
_ESCAPED_CHARACTERS = 6


def shown_url(url: str) -> str:
    """The URL without its secrets: userinfo, the query, and the path of a chat service become ***."""
    parts = urlsplit(url)
    prefix, secret_path = _split_path(parts)
    path = prefix + (MASK if secret_path else "")
    userinfo, at, host = parts.netloc.rpartition("@")
    netloc = (MASK if userinfo else "") + at + host
    return parts._replace(netloc=netloc, path=path, query=MASK if parts.query else "").geturl()


def without_secrets(text: str, url: str, headers: Headers = (), *, is_cut: bool = False) -> str:
    """The text of an answer or error without signed links and without the endpoint's own secrets.

    If the text `is_cut` at its end, its last part is dropped: half a secret could not be recognised there.
    """
    secrets = _secrets_of(url, headers)
    shown = redact(text, secrets)
    for secret in secrets:
        if len(secret) < _FOUND_ANYWHERE_MIN_CHARACTERS:
            shown = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", SECRET_REMOVED, shown)
    if is_cut:
        suspect = _ESCAPED_CHARACTERS * max(map(len, secrets), default=0)
        shown = shown[: max(0, len(shown) - suspect)]
    return shown


@lru_cache(maxsize=128)
def _secrets_of(url: str, headers: Headers) -> tuple[str, ...]:
    return tuple(_secrets_of_url(url).union(*(_secrets_of_value(value) for _, value in headers)))


def _secrets_of_url(url: str) -> set[str]:
    """The secrets of the URL, both escaped as in the URL and unescaped."""
    parts = urlsplit(url)
    _, secret_path = _split_path(parts)
    texts = {part for part in (secret_path, *secret_path.split("/")) if len(part) >= _SECRET_MIN_CHARACTERS}
    in_query = [(name, value) for name, _, value in (pair.partition("=") for pair in parts.query.split("&"))]
    for name, value in (*in_query, *parse_qsl(parts.query, keep_blank_values=True)):
        # A short value is removed only together with its name. A name without a value is itself a secret.
        texts.add((value or name) if len(value or name) >= _SECRET_MIN_CHARACTERS else f"{name}={value}")
    return texts - {"="}  # an empty part of the query


def _secrets_of_value(value: str) -> set[str]:
    """A header's value, its longer parts, and the user name and password of basic authentication."""
    texts = {value}
    for part in re.split(r"[\s;,&]+", value):
        texts |= {text for text in (part, part.partition("=")[2]) if len(text) >= _SECRET_MIN_CHARACTERS}
    match value.split():
        case [scheme, credentials] if scheme.lower() == "basic":
            with suppress(ValueError):  # binascii.Error and UnicodeError are ValueErrors
                decoded = base64.b64decode(credentials, validate=True).decode()
                texts |= {text for text in (decoded, decoded.partition(":")[2]) if text}
    return texts


def _split_path(parts: SplitResult) -> tuple[str, str]:
    """The part of the path that may be shown, and the secret rest."""
    for host, secret_follows in _SECRET_PATHS:
        found = secret_follows.match(parts.path) if host.fullmatch(parts.hostname or "") else None
        if found is not None:
            return parts.path[: found.end()], parts.path[found.end() :]
    return parts.path, ""
