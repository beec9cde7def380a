"""The certificate authority that the sandbox makes on the spot, and what it signs."""

import ssl

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


class CertificateAuthority:
    """One authority per sandbox: the server's TLS certificate and one client certificate for Entra sign-in.

    The client certificate is RSA because Entra signs in with RS256 or PS256 only.
    """

    def __init__(self) -> None:
        self._authority = trustme.CA(organization_name="Offer Monitor sandbox")
        self._server = self._authority.issue_cert("localhost", "127.0.0.1", "::1")
        client = self._authority.issue_cert("partner-center-client", key_type=trustme.KeyType.RSA)
        self.authority_pem = self._authority.cert_pem.bytes()
        self.client_pem = client.private_key_and_cert_chain_pem.bytes()
        self._client_certificate = x509.load_pem_x509_certificate(client.cert_chain_pems[0].bytes())

    @property
    def client_public_key(self) -> RSAPublicKey:
        """The key that checks client assertions signed with the client certificate."""
        key = self._client_certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise TypeError("the client certificate must hold an RSA key")
        return key

    def server_context(self) -> ssl.SSLContext:
        """The TLS context of the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.configure_cert(context)
        return context
