"""How the app speaks HTTP to Microsoft: one requests session per host, shared by all threads.

A session is changed by nobody once it is built: it stores no cookies, follows no redirect, and what differs from
request to request is passed with the request. Its connections are pooled in urllib3, which is made for threads. A
session per thread would be the other safe way, but worker threads come and go with every cycle and would take their
warm TLS connections with them.
"""

from http.cookiejar import DefaultCookiePolicy

from requests import Response, Session
from requests.utils import get_environ_proxies

from shared.http_adapter import DeadlineAdapter


def open_session(base_url: str, *, connections: int) -> Session:
    """A session that keeps to `http_deadline.answer_within` and up to `connections` open connections to `base_url`.

    Raises OSError if the trust store that REQUESTS_CA_BUNDLE names cannot be read.
    """
    session = _UnchangingSession()
    # requests knows where its trust store is configured (REQUESTS_CA_BUNDLE); True stands for the usual one.
    trust_store = session.merge_environment_settings(base_url, {}, None, None, None)["verify"]
    adapter = DeadlineAdapter(
        ca_bundle=trust_store if isinstance(trust_store, str) else None, connections_per_pool=connections
    )
    # The environment is read once, here: requests would search it for a proxy with every request.
    session.proxies.update(get_environ_proxies(base_url))
    session.trust_env = False
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


class _UnchangingSession(Session):
    def get_redirect_target(self, resp: Response) -> None:  # noqa: ARG002 - as in requests
        """No answer is a redirect. (Told not to follow one, requests would still read its whole body.)"""
        return
