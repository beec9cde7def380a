"""The app's settings that lead to the sandbox."""

from sandbox.server import Sandbox


def sandbox_settings(
    sandbox: Sandbox, storage: str = "UseDevelopmentStorage=true", **settings: str
) -> dict[str, str]:
    """By the names of environment variables: what the app needs to work with the sandbox, `settings` over it."""
    return {
        "AzureWebJobsStorage": storage,
        "PARTNER_CENTER_TENANT_ID": sandbox.tenant_id,
        "PARTNER_CENTER_CLIENT_ID": sandbox.client_id,
        "PARTNER_CENTER_CLIENT_SECRET": sandbox.client_secret,
        "AZURE_AUTHORITY_HOST": sandbox.authority_host,
        "PRODUCT_INGESTION_URL": sandbox.product_ingestion_url,
        "CLOUD_PARTNER_PORTAL_URL": sandbox.cloud_partner_portal_url,
        **settings,
    }
