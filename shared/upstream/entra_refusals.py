"""Why Entra gives no token, in words of our own: its descriptions could repeat what they were sent."""

import re

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
    # The same reference calls these temporary.
    **dict.fromkeys(("50196", "90006", "90012", "90024", "90033", "90055"), "it is busy or failing for the moment"),
}
# By the name of azure-identity's own error, or of one that caused it; the first match says most.
_BY_ERROR = {
    "TimeoutError": "Entra gives no token: it did not answer in time.",
    "CredentialUnavailableError": "No token: the managed identity is not available.",
    "ServiceRequestError": "Entra gives no token: it cannot be reached.",
    "ServiceResponseError": "Entra gives no token: the connection was cut.",
}


def unusable_credential(error: Exception) -> str:
    """Why the credential could not even be built: the certificate or the trust store cannot be read."""
    what = "REQUESTS_CA_BUNDLE's trust store" if isinstance(error, OSError) else "the certificate or its password"
    return f"No token: {what} cannot be used."


def entra_refusal(error: Exception) -> str:
    """Why Entra gave no token, from the error that asking it raised: one sentence that is safe to log."""
    causes = causes_of(error)
    texts = [_text(cause) for cause in causes]
    code = next((found[1] for text in texts if (found := _ERROR_CODE.search(text))), None)
    if code is not None:
        meaning = _MEANINGS.get(code, "Microsoft's list of AADSTS codes says why")
        return f"Entra gives no token (AADSTS{code}): {meaning}."
    if any(_CREDENTIAL_REFUSED.search(text) for text in texts):
        return "Entra gives no token: it refuses the app's credential."
    kinds = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    known = (sentence for name, sentence in _BY_ERROR.items() if name in kinds)
    return next(known, "Entra gives no token: its answer could not be understood.")


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_LONGEST_TEXT_CHARACTERS]
    except Exception:  # noqa: BLE001 - an error that cannot even be printed says nothing
        return ""
