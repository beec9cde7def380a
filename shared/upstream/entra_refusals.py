"""Why Entra gives no token, in words of our own: its descriptions could repeat what they were sent."""

import re
from dataclasses import dataclass

from shared.upstream.error_responses import causes_of

_LONGEST_TEXT_CHARACTERS = 10_000
_ERROR_CODE = re.compile(r"AADSTS(\d{4,9})")
_CREDENTIAL_REFUSED = re.compile(r"\b(?:invalid_client|unauthorized_client)\b")  # OAuth 2.0, RFC 6749, 5.2
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_MEANINGS = {
    "50034": "the app's account does not exist in the tenant",
    "53003": "a Conditional Access policy blocks the app",
    "500011": "the token scope names no resource that the tenant knows",
    "700016": "PARTNER_CENTER_CLIENT_ID names no app of the tenant",
    "700027": "the certificate is not registered with the app",
    "700212": "no federated credential of the app matches the managed identity's audience",
    "700213": "no federated credential of the app matches the managed identity",
    "7000112": "the app is disabled in the tenant",
    "7000215": "the client secret is wrong",
    "7000222": "the client secret has expired",
    "70021": "no federated credential of the app matches the managed identity",
    "70011": "the token scope is malformed",
    "90002": "PARTNER_CENTER_TENANT_ID names no tenant",
    "900023": "PARTNER_CENTER_TENANT_ID is not a tenant id or domain",
}
# The same reference calls these temporary: server busy or failing, throttled.
_TEMPORARY = {"50196", "90006", "90012", "90024", "90033", "90055"}


@dataclass(frozen=True)
class EntraRefusal:
    """Why there is no token: a sentence to log, and whether asking later may help."""

    sentence: str
    transient: bool


# By the name of azure-identity's own error, or of one that caused it; the first that fits says most.
_BY_ERROR = {
    "TimeoutError": EntraRefusal("Entra gives no token: it did not answer in time.", True),
    "CredentialUnavailableError": EntraRefusal("No token: the managed identity is not available.", True),
    "ServiceRequestError": EntraRefusal("Entra gives no token: it cannot be reached.", True),
    "ServiceResponseError": EntraRefusal("Entra gives no token: the connection was cut.", True),
}


def unusable_credential(error: Exception) -> EntraRefusal:
    """What an error means that came before anything was sent, from reading the certificate or the trust store."""
    what = "REQUESTS_CA_BUNDLE's trust store" if isinstance(error, OSError) else "the certificate or its password"
    return EntraRefusal(f"No token: {what} cannot be used.", False)


def read_refusal(error: Exception) -> EntraRefusal:
    """Tell from what went wrong on asking Entra whether the credential is wrong (permanent) or Entra unwell
    (transient)."""
    causes = causes_of(error)
    texts = [_text(cause) for cause in causes]
    code = next((found[1] for text in texts if (found := _ERROR_CODE.search(text))), None)
    if code is not None:
        meaning = _MEANINGS.get(code, "Microsoft's list of AADSTS codes says why")
        return EntraRefusal(f"Entra gives no token (AADSTS{code}): {meaning}.", code in _TEMPORARY)
    if any(_CREDENTIAL_REFUSED.search(text) for text in texts):
        return EntraRefusal("Entra gives no token: it refuses the app's credential.", False)
    kinds = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    known = (refusal for name, refusal in _BY_ERROR.items() if name in kinds)
    return next(known, EntraRefusal("Entra gives no token: its answer could not be understood.", True))


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_LONGEST_TEXT_CHARACTERS]
    except Exception:  # noqa: BLE001 - an error that cannot even be printed says nothing
        return ""
