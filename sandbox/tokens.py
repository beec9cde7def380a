"""Entra's side of the client credentials flow: issues tokens for each API, and checks them."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox.answers import JsonObject, Refusal

GRAPH_AUDIENCE = "https://graph.microsoft.com"
PORTAL_AUDIENCE = "https://cloudpartner.azure.com"
AUDIENCES = (GRAPH_AUDIENCE, PORTAL_AUDIENCE)
TOKEN_LIFETIME_SECONDS = 3599
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FEDERATED_AUDIENCE = "api://AzureADTokenExchange"


@dataclass(frozen=True)
class Account:
    """The one Entra application that the sandbox's Partner Center knows. All values are invented."""

    tenant_id: str = "3c1f2b7e-5a04-4c53-9f0e-6d1b8a2e4f70"
    client_id: str = "8e0d5a61-97b3-4b1f-a8a4-2f4c1de0b935"
    client_secret: str = "sandbox~secret.not-a-real-one-8Q~x"
    federated_assertion: str = "sandbox-federated-assertion"
    managed_identity_client_id: str = "b4a7c1f0-2d3e-4f5a-8b6c-9d0e1f2a3b4c"
    managed_identity_header: str = "sandbox-identity-header"


@dataclass
class Token:
    """A token for one API, the `audience`."""

    value: str
    audience: str
    expires_at: datetime
    revoked: bool = False


class TokenService:
    """Issues tokens and checks them."""

    def __init__(self, account: Account, certificate_key: RSAPublicKey, clock: Callable[[], datetime]) -> None:
        self.account = account
        self.lifetime_seconds = TOKEN_LIFETIME_SECONDS
        self._certificate_key = certificate_key
        self._clock = clock
        self._tokens: dict[str, Token] = {}

    def openid_configuration(self, tenant: str, base_url: str) -> JsonObject:
        """The OpenID configuration, which azure-identity reads before it requests a token."""
        self._check_tenant(tenant)
        root = f"{base_url}/{tenant}"
        return {
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "EU",
        }

    def issue(self, tenant: str, form: Mapping[str, str], *, version: int) -> JsonObject:
        """The body of a token answer; `version` 1 takes `resource`, 2 takes `scope`. Raises Refusal."""
        self._check_tenant(tenant)
        grant = form.get("grant_type")
        if grant is None:
            raise self._refusal(
                400,
                "invalid_request",
                900144,
                "The request body must contain the following parameter: 'grant_type'.",
            )
        if grant != "client_credentials":
            raise self._refusal(
                400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'."
            )
        self._check_client(tenant, form)
        token = self.new_token(self._audience_of(form, version))
        if version == 2:
            return {
                "token_type": "Bearer",
                "expires_in": self.lifetime_seconds,
                "ext_expires_in": self.lifetime_seconds,
                "access_token": token,
            }
        expires_on = int(self._tokens[token].expires_at.timestamp())
        return {  # the v1 endpoint writes its numbers as strings (docs/upstream.md, quirk 25)
            "token_type": "Bearer",
            "expires_in": str(self.lifetime_seconds),
            "ext_expires_in": str(self.lifetime_seconds),
            "expires_on": str(expires_on),
            "not_before": str(expires_on - self.lifetime_seconds),
            "resource": form["resource"],
            "access_token": token,
        }

    def new_token(self, audience: str) -> str:
        """A new token for one API."""
        value = self._new_value(audience, self.account.tenant_id)
        expires_at = self._clock() + timedelta(seconds=self.lifetime_seconds)
        self._tokens[value] = Token(value, audience, expires_at)
        return value

    def managed_identity_answer(self, query: Mapping[str, str], identity_header: str | None) -> JsonObject:
        """A managed identity's token, as from App Service (`IDENTITY_ENDPOINT`). Raises Refusal."""
        known = query.get("client_id") == self.account.managed_identity_client_id
        if identity_header != self.account.managed_identity_header or not known:
            message = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId."
            raise Refusal(400, {"statusCode": 400, "message": message, "correlationId": str(uuid4())})
        if query.get("resource", "").removesuffix("/.default") != FEDERATED_AUDIENCE:
            raise Refusal(400, {"statusCode": 400, "message": "The resource is not known to the sandbox."})
        expires_at = self._clock() + timedelta(hours=24)
        return {
            "access_token": self.account.federated_assertion,
            "expires_on": str(int(expires_at.timestamp())),
            "resource": FEDERATED_AUDIENCE,
            "token_type": "Bearer",
            "client_id": self.account.managed_identity_client_id,
        }

    def fault_of(self, authorization: str | None, audience: str) -> str | None:
        """The fault of an Authorization header for this API, in Graph's words; None if it is valid."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not value:
            return "Access token is empty."
        token = self._tokens.get(value)
        if token is None:
            return "CompactToken parsing failed with error code: 80049217"
        if token.audience != audience:
            return "Access token validation failure. Invalid audience."
        if token.revoked:
            return "Continuous access evaluation resulted in challenge: the token was revoked."
        if token.expires_at <= self._clock():
            return "Access token has expired or is not yet valid."
        return None

    def audience_of(self, authorization: str | None) -> str | None:
        """The API for which this header's token is, or None."""
        token = self._tokens.get((authorization or "").partition(" ")[2])
        return token.audience if token else None

    def revoke(self, audience: str | None = None) -> int:
        """Revokes every token issued so far, for one API or all, and returns how many there were."""
        revoked = [t for t in self._tokens.values() if not t.revoked and audience in (None, t.audience)]
        for token in revoked:
            token.revoked = True
        return len(revoked)

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() != self.account.tenant_id:
            raise self._refusal(
                400,
                "invalid_tenant",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID "
                "and are signing into the correct cloud.",
            )

    def _check_client(self, tenant: str, form: Mapping[str, str]) -> None:
        client_id = form.get("client_id")
        if not client_id:
            raise self._refusal(
                400,
                "invalid_request",
                900144,
                "The request body must contain the following parameter: 'client_id'.",
            )
        if client_id.lower() != self.account.client_id:
            raise self._refusal(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client_id}' was not found in the directory '{tenant}'.",
            )
        if "client_assertion" in form:
            self._check_assertion(form)
        elif not form.get("client_secret"):
            raise self._refusal(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )
        elif not secrets.compare_digest(form["client_secret"].encode(), self.account.client_secret.encode()):
            raise self._refusal(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                f"secret value, not the client secret ID, for a secret added to app '{client_id}'.",
            )

    def _check_assertion(self, form: Mapping[str, str]) -> None:
        """Accepts the configured federated assertion, or one signed with the registered certificate."""
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise self._refusal(
                400, "invalid_request", 900144, "The parameter 'client_assertion_type' is missing or invalid."
            )
        assertion = form["client_assertion"]
        if assertion == self.account.federated_assertion:
            return
        try:
            claims = jwt.decode(
                assertion,
                self._certificate_key,
                algorithms=["RS256", "PS256"],
                options={"require": ["aud", "exp", "iss", "sub", "jti"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError as error:
            raise self._refusal(
                401, "invalid_client", 700024, "Client assertion is not within its valid time range."
            ) from error
        except jwt.InvalidTokenError as error:
            raise self._refusal(
                401,
                "invalid_client",
                700027,
                "The certificate with identifier used to sign the client assertion is not registered on application.",
            ) from error
        if not str(claims["aud"]).endswith(("/oauth2/v2.0/token", "/oauth2/token", "/v2.0")):
            raise self._refusal(401, "invalid_client", 700023, "Client assertion audience claim does not match.")
        if claims["iss"] != form["client_id"] or claims["sub"] != form["client_id"]:
            raise self._refusal(
                401, "invalid_client", 700021, "Client assertion application identifier doesn't match 'client_id'."
            )

    def _audience_of(self, form: Mapping[str, str], version: int) -> str:
        asked = form.get("scope" if version == 2 else "resource", "")
        if version == 2 and not asked.endswith("/.default"):
            raise self._refusal(
                400,
                "invalid_scope",
                70011,
                f"The provided value for the input parameter 'scope' is not valid: '{asked}'.",
            )
        audience = asked.removesuffix("/.default").rstrip("/")
        if audience not in AUDIENCES:
            raise self._refusal(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {audience} was not found in the tenant.",
            )
        return audience

    def _new_value(self, audience: str, tenant: str) -> str:
        """A JWT like Entra's. Its signature is never checked, because the sandbox remembers the tokens it issued."""
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant}/",
            "appid": self.account.client_id,
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, secrets.token_hex(32), algorithm="HS256")

    def _refusal(self, status: int, error: str, code: int, description: str) -> Refusal:
        trace_id, correlation_id = str(uuid4()), str(uuid4())
        timestamp = f"{self._clock():%Y-%m-%d %H:%M:%S}Z"
        return Refusal(
            status,
            {
                "error": error,
                "error_description": f"AADSTS{code}: {description} Trace ID: {trace_id} "
                f"Correlation ID: {correlation_id} Timestamp: {timestamp}",
                "error_codes": [code],
                "timestamp": timestamp,
                "trace_id": trace_id,
                "correlation_id": correlation_id,
                "error_uri": f"https://login.microsoftonline.com/error?code={code}",
            },
        )
