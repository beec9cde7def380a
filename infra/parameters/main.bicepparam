// Parameters for `az deployment sub create` and the pipeline (docs/deployment.md). Names, ids and secrets of the deployment come
// from environment variables; the other choices are in this file, so that changes to them are reviewed.
// The file is not next to main.bicep, because azd would use it instead of main.parameters.json and not ask for missing values.
using '../main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'offer-monitor')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')

// Identifiers, not secrets. The zeros only make this file compile: deploy.yml refuses to run without the real ones.
param partnerCenterTenantId = readEnvironmentVariable('PARTNER_CENTER_TENANT_ID', '00000000-0000-0000-0000-000000000000')
param partnerCenterClientId = readEnvironmentVariable('PARTNER_CENTER_CLIENT_ID', '00000000-0000-0000-0000-000000000000')

param partnerCenterCredential = 'federated'
param partnerCenterCredentialValue = readEnvironmentVariable('PARTNER_CENTER_CREDENTIAL_VALUE', '')

param webhookUrl = readEnvironmentVariable('WEBHOOK_URL', '')
param webhookSecret = readEnvironmentVariable('WEBHOOK_SECRET', '')

param alertEmailAddress = readEnvironmentVariable('ALERT_EMAIL_ADDRESS', '')
param runbookUrl = readEnvironmentVariable('RUNBOOK_URL', '')

param instanceMemoryMB = 512
param maximumInstanceCount = 40
param httpConcurrency = 16

// You can set every other parameter of main.bicep here too; docs/deployment.md has the list. For example:
//   param appSettings = { POLL_CONCURRENCY: 64, WATCH_CPP_OFFERS: 'contoso/example-vm' }
//   param hostSettings = { 'AzureWebJobs.poll_pending_jobs.Disabled': 'true' }
//   param alwaysReadyInstances = [{ name: 'http', instanceCount: 1 }]
