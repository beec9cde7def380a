#!/usr/bin/env bash
# Deploy a prebuilt package (from make package, or a release) to a Flex Consumption app, without a build on Azure.
# The Azure CLI's own command always builds Python apps on Azure, so this script calls the deployment endpoint.
#
# Usage: infra/scripts/deploy-package.sh dist/offer-monitor.zip
#   FUNCTION_APP_NAME, AZURE_RESOURCE_GROUP   the app (outputs of the deployment)
#   WAIT_SECONDS=900   how long to wait for the deployment
# Needs the Azure CLI, signed in with the right to deploy, and curl. The token goes only to the app's deployment endpoint.
set -euo pipefail

fail() {
  echo "deploy-package: $*" >&2
  exit 1
}

package=${1:-}
[ -f "$package" ] || fail "give the package: a zip built by 'make package'"
: "${FUNCTION_APP_NAME:?deploy-package: set FUNCTION_APP_NAME}" "${AZURE_RESOURCE_GROUP:?deploy-package: set AZURE_RESOURCE_GROUP}"
wait_seconds=${WAIT_SECONDS:-900}

answer=$(mktemp -d)
trap 'rm -rf "$answer"' EXIT

endpoint=$(az functionapp show --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
  --query "(properties.hostNameSslStates || hostNameSslStates)[?hostType=='Repository'].name | [0]" --output tsv)
[ -n "$endpoint" ] || fail "there is no app $FUNCTION_APP_NAME in $AZURE_RESOURCE_GROUP that you can see"
case $endpoint in localhost* | 127.0.0.1*) base_url=http://$endpoint ;; *) base_url=https://$endpoint ;; esac

request() { # <curl options> <path>: prints the status; the body is in $answer/body. The token is in a file, because others can read a command line.
  az account get-access-token --resource https://management.core.windows.net/ --query accessToken --output tsv \
    | sed 's/^/Authorization: Bearer /' >"$answer/header"
  curl --silent --show-error --header "@$answer/header" --output "$answer/body" --write-out '%{http_code}' "${@:1:$#-1}" "$base_url${*: -1}" || true
}

value_of() { # <member>: prints a number, string or boolean of the JSON in $answer/body
  sed -n "s/.*\"$1\" *: *\"\{0,1\}\([^\",}]*\).*/\1/p" "$answer/body" | head -n 1
}

status=$(request --max-time 600 --request POST --header 'Content-Type: application/zip' --data-binary "@$package" \
  '/api/publish?RemoteBuild=false&Deployer=deploy-package')
case $status in
  200 | 202) ;;
  401 | 403) fail "Azure refuses the package ($status): you lack the right to deploy to this app, or its deployment endpoint is closed to your address" ;;
  *) fail "Azure refuses the package ($status): $(head -c 500 "$answer/body")" ;;
esac
deployment=$(tr -d '" \r\n' <"$answer/body")
echo "deploy-package: sent $(basename "$package"); waiting for deployment ${deployment:-latest}"

# 3 means failed, 4 succeeded; the others are in progress.
deadline=$((SECONDS + wait_seconds))
while :; do
  status=$(request --max-time 60 "/api/deployments/${deployment:-latest}")
  if [ "$status" = 200 ]; then
    case $(value_of status) in
      4) break ;;
      3) fail "the deployment failed: $(value_of status_text)" ;;
    esac
  fi
  [ "$SECONDS" -lt "$deadline" ] || fail "not finished after $wait_seconds seconds (the last status was $status)"
  sleep "${POLL_SECONDS:-5}"
done
echo "deploy-package: done. Now run infra/scripts/smoke.sh"
