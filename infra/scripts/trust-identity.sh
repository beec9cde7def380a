#!/usr/bin/env bash
# Make the Entra application that Partner Center knows trust the app's managed identity, so that no secret is needed.
#
# Usage: infra/scripts/trust-identity.sh [--client-id GUID] [--principal-id GUID] [--name NAME]
#   --client-id     the Entra application           (default: $PARTNER_CENTER_CLIENT_ID, else azd's environment)
#   --principal-id  the managed identity's object id (default: $MANAGED_IDENTITY_PRINCIPAL_ID, else azd's environment)
#   --name          of the federated credential      (default: offer-monitor-<first block of the object id>)
#
# Needs the Azure CLI, signed in to the application's tenant as an owner of the application or an Application Administrator.
# Running it again changes nothing. It prints no secrets.
set -euo pipefail

fail() {
  echo "trust-identity: $*" >&2
  exit 1
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"
}

from_azd() { # <name>: prints a value of azd's current environment, or nothing
  if command -v azd >/dev/null; then azd env get-value "$1" 2>/dev/null || true; fi
}

client_id=${PARTNER_CENTER_CLIENT_ID:-}
principal_id=${MANAGED_IDENTITY_PRINCIPAL_ID:-}
name=
while [ $# -gt 0 ]; do
  case $1 in
    --client-id | --principal-id | --name) [ $# -ge 2 ] || fail "$1 needs a value" ;;
  esac
  case $1 in
    --client-id) client_id=$2 && shift 2 ;;
    --principal-id) principal_id=$2 && shift 2 ;;
    --name) name=$2 && shift 2 ;;
    -h | --help) usage && exit 0 ;;
    *) fail "unknown argument: $1 (--help)" ;;
  esac
done

command -v az >/dev/null || fail "the Azure CLI is not installed: https://aka.ms/azure-cli"
[ -n "$client_id" ] || client_id=$(from_azd PARTNER_CENTER_CLIENT_ID)
[ -n "$principal_id" ] || principal_id=$(from_azd MANAGED_IDENTITY_PRINCIPAL_ID)
guid='^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
[[ $client_id =~ $guid ]] || fail "--client-id: the client id of the Entra application, a GUID"
[[ $principal_id =~ $guid ]] || fail "--principal-id: the object id of the managed identity, a GUID (output MANAGED_IDENTITY_PRINCIPAL_ID)"
[ -n "$name" ] || name="offer-monitor-${principal_id%%-*}"

tenant_id=$(az account show --query tenantId --output tsv) || fail "not signed in: az login --tenant <tenant of the application>"
login_endpoint=$(az cloud show --query endpoints.activeDirectory --output tsv)
issuer="${login_endpoint%/}/$tenant_id/v2.0"
audience=api://AzureADTokenExchange

az ad app show --id "$client_id" --query appId --output tsv >/dev/null 2>&1 \
  || fail "tenant $tenant_id has no application $client_id that you can read"

# A managed identity is a service principal in its tenant, and only an application of the same tenant can trust it.
az ad sp show --id "$principal_id" --query id --output tsv >/dev/null 2>&1 \
  || fail "tenant $tenant_id has no managed identity $principal_id: identity and application must be in the same tenant (docs/deployment.md)"

trusted=$(az ad app federated-credential list --id "$client_id" \
  --query "[?subject=='$principal_id' && issuer=='$issuer'] | [0].name" --output tsv)
if [ -n "$trusted" ]; then
  echo "Application $client_id already trusts identity $principal_id (federated credential $trusted)."
else
  az ad app federated-credential create --id "$client_id" --output none --parameters "{
    \"name\": \"$name\",
    \"issuer\": \"$issuer\",
    \"subject\": \"$principal_id\",
    \"audiences\": [\"$audience\"],
    \"description\": \"Partner Center offer monitor: the function app's managed identity\"
  }"
  echo "Application $client_id now trusts identity $principal_id (federated credential $name)."
fi

cat <<END

Now a person must do this once in Partner Center (a Global Administrator of tenant $tenant_id who is also an Account Owner or
Manager of the Partner Center account):

  1. Open https://partner.microsoft.com/dashboard, then Account settings > User management > Microsoft Entra applications.
     The tenant must be linked to the account first: Account settings > Tenants.
  2. Add the application $client_id, or open it if it is listed.
  3. Give it the role Manager. For offers of several publishers, do this in each of their accounts.

It may take a few minutes until a new federated credential works. Then check the app:
  curl -H "x-functions-key: <key>" "<FUNCTION_APP_URL>/api/health/details"
END
