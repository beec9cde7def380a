#!/usr/bin/env bash
# Create the pipeline's two Entra applications, which have no secret, and the two GitHub environments that restrict their use.
#   <environment>-what-if   can read the subscription and run what-if, but change nothing
#   <environment>           can deploy; only main and tags v* may use it, and only after a reviewer's approval
#
# Usage: infra/scripts/set-up-pipeline.sh owner/repository reviewer [environment]   (environment: production)
# Needs the Azure CLI (signed in as Owner of the subscription, with the right to create applications) and gh (as an admin of the
# repository). Running it again changes nothing. It prints no secrets.
set -euo pipefail

fail() {
  echo "set-up-pipeline: $*" >&2
  exit 1
}

repository=${1:-}
reviewer=${2:-}
environment=${3:-production}
[[ $repository =~ ^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$ ]] || fail "give the repository (owner/name) and a reviewer's GitHub name"
[[ $reviewer =~ ^[A-Za-z0-9-]+$ ]] || fail "give the GitHub name of the reviewer of deployments"
[[ $environment =~ ^[A-Za-z0-9_-]+$ ]] || fail "the environment may have only letters, digits, - and _"
for tool in az gh; do command -v "$tool" >/dev/null || fail "$tool is not installed"; done

subscription=$(az account show --query id --output tsv) || fail "not signed in: az login"
tenant=$(az account show --query tenantId --output tsv)
scope=/subscriptions/$subscription
what_if_role="Offer monitor what-if ($subscription)"

application() { # <purpose> <GitHub environment>: prints the client id of an application that trusts only that environment's tokens
  set -e # a command substitution does not inherit it
  local id subject=repo:$repository:environment:$2 display_name="Offer monitor $1 ($repository, $2)" trusted
  id=$(az ad app list --filter "displayName eq '$display_name'" --query "[].appId" --output tsv)
  if [ -z "$id" ]; then
    id=$(az ad app create --display-name "$display_name" --query appId --output tsv)
    az ad app federated-credential create --id "$id" --output none --parameters "{
      \"name\": \"$2\", \"issuer\": \"https://token.actions.githubusercontent.com\",
      \"subject\": \"$subject\", \"audiences\": [\"api://AzureADTokenExchange\"]}"
  else
    # Display names are not unique, and anybody in the tenant may have used this one. Only an application that trusts just this
    # environment's tokens and has no secret gets a role.
    [ "$(wc -w <<<"$id")" -eq 1 ] || fail "the tenant has several applications '$display_name'; delete those that are not yours"
    trusted=$(az ad app federated-credential list --id "$id" --query "[].subject" --output tsv)
    [ "$trusted" = "$subject" ] || fail "application $id, '$display_name', trusts '$trusted' instead of '$subject'; delete it and run this again"
    [ -z "$(az ad app show --id "$id" --query "[passwordCredentials, keyCredentials][].keyId" --output tsv)" ] \
      || fail "application $id, '$display_name', has a secret or a certificate; delete it and run this again"
  fi
  az ad sp show --id "$id" --output none 2>/dev/null || az ad sp create --id "$id" --output none
  echo "$id"
}

grant() { # <client id> <role> [options]
  local id=$1 role=$2 principal
  shift 2
  # By its object id, because a new principal cannot always be looked up yet.
  principal=$(az ad sp show --id "$id" --query id --output tsv)
  if [ -z "$(az role assignment list --assignee "$id" --role "$role" --scope "$scope" --query "[0].id" --output tsv)" ]; then
    az role assignment create --assignee-object-id "$principal" --assignee-principal-type ServicePrincipal \
      --role "$role" --scope "$scope" --output none "$@"
  fi
}

# Read and what-if only. Writing, keys and secrets need other actions.
if [ -z "$(az role definition list --name "$what_if_role" --scope "$scope" --query "[0].id" --output tsv)" ]; then
  az role definition create --output none --role-definition "{
    \"Name\": \"$what_if_role\", \"IsCustom\": true, \"AssignableScopes\": [\"$scope\"],
    \"Description\": \"Reads everything and runs what-if; changes nothing\",
    \"Actions\": [\"*/read\", \"Microsoft.Resources/deployments/whatIf/action\", \"Microsoft.Resources/deployments/validate/action\"],
    \"NotActions\": []}"
fi
reader=$(application what-if "$environment-what-if")
grant "$reader" "$what_if_role"

# The deployer may assign only the four roles that the app's identity needs, and only to service principals.
deployer=$(application deployment "$environment")
roles='{b7e6dc6d-f1e8-4753-8033-0f276bb0955b, 0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3, 3913510d-42f4-4e42-8a64-420c390055eb, 4633458b-17de-408a-b874-0445c86b69e6}'
grant "$deployer" Contributor
grant "$deployer" "Role Based Access Control Administrator" --condition-version 2.0 --condition "(
  (!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (
    @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals $roles AND
    @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}
  )) AND (
  (!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR (
    @Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals $roles
  ))"

protect() { # <GitHub environment> <reviewers as JSON>: only main and tags v* may use it
  gh api --silent --method PUT "repos/$repository/environments/$1" --input - <<END
{"reviewers": $2, "deployment_branch_policy": {"protected_branches": false, "custom_branch_policies": true}}
END
  local present
  present=$(gh api "repos/$repository/environments/$1/deployment-branch-policies" --jq '.branch_policies[].name')
  grep -qxF main <<<"$present" || gh api --silent --method POST "repos/$repository/environments/$1/deployment-branch-policies" \
    --field name=main --field type=branch
  grep -qxF 'v*' <<<"$present" || gh api --silent --method POST "repos/$repository/environments/$1/deployment-branch-policies" \
    --field 'name=v*' --field type=tag
}

reviewer_id=$(gh api "users/$reviewer" --jq .id)
protect "$environment-what-if" '[]'
protect "$environment" "[{\"type\": \"User\", \"id\": $reviewer_id}]"
for pair in "$environment-what-if $reader" "$environment $deployer"; do
  read -r name client <<<"$pair"
  gh variable set AZURE_CLIENT_ID --repo "$repository" --env "$name" --body "$client"
  gh variable set AZURE_TENANT_ID --repo "$repository" --env "$name" --body "$tenant"
  gh variable set AZURE_SUBSCRIPTION_ID --repo "$repository" --env "$name" --body "$subscription"
done

cat <<END
Environment $environment-what-if: application $reader, which can read and run what-if.
Environment $environment: application $deployer, which can deploy after a review by $reviewer.
Next, set the other variables of both environments (docs/deployment.md, "The pipeline"), and protect main and tags v*.
END
