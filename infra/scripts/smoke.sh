#!/usr/bin/env bash
# Check a deployed app from outside: it answers, and without a key it reveals only its health.
#
# Usage: infra/scripts/smoke.sh [https://<app>.azurewebsites.net]   (default: $FUNCTION_APP_URL, else azd's environment)
#   WAIT_SECONDS=300   how long to wait for the first answer after a deployment
# Exit code: 0 passed, 1 a check failed, 2 the app is running but degraded.
set -euo pipefail

base_url=${1:-${FUNCTION_APP_URL:-}}
if [ -z "$base_url" ] && command -v azd >/dev/null; then base_url=$(azd env get-value FUNCTION_APP_URL 2>/dev/null || true); fi
base_url=${base_url%/}
case $base_url in
  https://* | http://localhost* | http://127.0.0.1*) ;;
  *) echo "smoke: give the app's https address" >&2 && exit 1 ;;
esac
wait_seconds=${WAIT_SECONDS:-300}

answer=$(mktemp -d)
trap 'rm -rf "$answer"' EXIT
failed=0

request() { # <method> <path or address>: prints the status, or 000 without an answer; leaves headers and body in $answer
  local address=$2 data=()
  # Some front ends refuse a POST without a length (411).
  if [ "$1" = POST ]; then data=(--data ''); fi
  case $address in /*) address=$base_url$address ;; esac
  : >"$answer/headers"
  : >"$answer/body"
  curl --silent --show-error --max-time 60 --request "$1" "${data[@]}" --dump-header "$answer/headers" --output "$answer/body" \
    --write-out '%{http_code}' "$address" 2>/dev/null || true
}

report() { # <true or false> <what was checked>
  if [ "$1" = true ]; then
    echo "ok    $2"
  else
    echo "FAIL  $2" >&2
    failed=1
  fi
}

holds() { if "$@"; then echo true; else echo false; fi; }

# 1. Health: a cold start, or a package that is still being deployed, may take a while.
deadline=$((SECONDS + wait_seconds))
status=$(request GET /api/health)
while [[ ! $status =~ ^(200|503)$ || ! -s $answer/body || $(tr -d ' \n' <"$answer/body") != '{"status":'* ]] && [ "$SECONDS" -lt "$deadline" ]; do
  sleep 5
  status=$(request GET /api/health)
done
body=$(tr -d ' \r\n' <"$answer/body")
degraded=false
case "$status $body" in
  '200 {"status":"ok"}') report true "GET /api/health is 200 and says only ok" ;;
  '503 {"status":"degraded"}') degraded=true && report true "GET /api/health is 503 and says only degraded" ;;
  *) report false "GET /api/health: status $status, or an answer other than {\"status\": \"ok\" or \"degraded\"}" ;;
esac
report "$(holds grep -iq '^x-content-type-options: *nosniff' "$answer/headers")" "answers carry X-Content-Type-Options: nosniff"
report "$(holds grep -iq '^cache-control: .*no-cache' "$answer/headers")" "answers carry Cache-Control: no-cache"

# 2. Everything else needs a key.
unknown_id=00000000-0000-0000-0000-000000000000
for route in \
  "GET /api/health/details" "GET /api/jobs" "POST /api/jobs" "GET /api/jobs/$unknown_id" "DELETE /api/jobs/$unknown_id" \
  "POST /api/jobs/$unknown_id/check" "GET /api/jobs/$unknown_id/private-offer" "GET /api/private-offers" \
  "GET /api/private-offers/$unknown_id" "GET /api/offer-details?jobId=$unknown_id" \
  "GET /api/cpp/publishers/smoke/offers" "GET /api/webhooks" "POST /api/webhooks" \
  "POST /admin/functions/poll_pending_jobs"; do
  status=$(request "${route%% *}" "${route#* }")
  report "$(holds test "$status" = 401)" "$route without a key is 401 (it is $status)"
done

# 3. The API description is public, and plain http is not served.
status=$(request GET /api/openapi.json)
if [ "$status" = 401 ]; then
  report true "GET /api/openapi.json is 401: sign-in is on"
else
  report "$(holds test "$status" = 200)" "GET /api/openapi.json is 200 (it is $status)"
fi
case $base_url in
  https://*)
    status=$(request GET "http://${base_url#https://}/api/health")
    report "$(holds test "$status" != 200)" "plain http is not answered (it is $status)"
    ;;
esac

if [ "$failed" -ne 0 ]; then
  echo "smoke: failed" >&2
  exit 1
fi
if [ "$degraded" = true ]; then
  echo "smoke: the app is running but degraded. /api/health/details (with a key) says why, docs/operations.md what to do." >&2
  exit 2
fi
echo "smoke: passed"
