// The whole product on Azure: one resource group with the function app, its storage, its telemetry and its alerts.
// What is left to a person: to let the Entra application into Partner Center (docs/deployment.md).

targetScope = 'subscription'

import { AppSettings, ClientCertificateMode, PartnerCenterCredential, Tags } from './types.bicep'

@description('Name of this environment: in the resource group\'s name, and in the tag by which azd finds its resources.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Azure region. It must offer Flex Consumption with Python 3.13.')
@minLength(1)
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Tenant id (or domain) of the Entra application that Partner Center knows.')
@minLength(1)
param partnerCenterTenantId string

@description('Client id of the Entra application that Partner Center knows.')
@minLength(36)
@maxLength(36)
param partnerCenterClientId string

@description('How the app proves itself as that application. federated needs no secret: the app\'s managed identity is trusted by the application.')
param partnerCenterCredential PartnerCenterCredential = 'federated'

@description('For secret and certificate: the client secret, or the certificate (PEM or PFX, base64). It goes into the key vault and nowhere else; empty leaves what the vault holds.')
@secure()
param partnerCenterCredentialValue string = ''

@description('Endpoint that gets every event without any call. Empty for none.')
param webhookUrl string = ''

@description('Signing secret (whsec_...) of that endpoint. It goes into the key vault and nowhere else; empty leaves what the vault holds.')
@secure()
param webhookSecret string = ''

@description('Address that gets the alerts. Empty creates the alerts without a receiver.')
param alertEmailAddress string = ''

@description('Where the alerts\' runbooks are: the page whose sections they link to.')
param runbookUrl string = 'docs/operations.md'

@description('Memory of an instance in MB.')
@allowed([
  512
  2048
])
param instanceMemoryMB int = 512

@description('How far the app may scale out.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Redundancy of the storage account.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param storageSkuName string = 'Standard_LRS'

@description('Optional settings of the app.')
param appSettings AppSettings = {}

@description('Puts the app into a virtual network and closes storage to all but its private endpoints.')
param virtualNetworkEnabled bool = false

@description('Client id of an Entra application whose tokens HTTP callers must show beside the function key. Empty for keys alone.')
param signInClientId string = ''

@description('Client ids of the applications that may call when sign-in is on. Empty lets every application of the tenant with a token in.')
param signInAllowedClientIds string[] = []

@description('Whether HTTP callers show a TLS client certificate.')
param clientCertificateMode ClientCertificateMode = 'Off'

@description('Whether the platform\'s logs and metrics of the app go to the workspace, beside the app\'s own telemetry.')
param diagnosticSettingsEnabled bool = true

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Gigabytes of logs taken in a day.')
@minValue(1)
@maxValue(100)
param logDailyQuotaGb int = 1

@description('Tags put on every resource, beside azd\'s own.')
param extraTags Tags = {}

var token = uniqueString(subscription().id, environmentName, location)
var tags = union(extraTags, {
  'azd-env-name': environmentName
})

// Names are known before anything is deployed, so that a what-if shows every resource by its name.
var resourceGroupName = 'rg-${environmentName}'
var identityName = 'id-offer-monitor-${token}'
var storageAccountName = 'stoffer${token}'
var workspaceName = 'log-offer-monitor-${token}'
var insightsName = 'appi-offer-monitor-${token}'
var vaultName = 'kv-offer-${token}'
var networkName = 'vnet-offer-monitor-${token}'
var planName = 'plan-offer-monitor-${token}'
var functionAppName = 'func-offer-monitor-${token}'

var serviceName = 'app'
var packageContainerName = 'app-package'
var appSubnetName = 'app'
var credentialEntryName = partnerCenterCredential == 'certificate' ? 'partner-center-certificate' : 'partner-center-client-secret'
var webhookEntryName = 'webhook-secret'
var vaultNeeded = partnerCenterCredential != 'federated' || !empty(webhookUrl)

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: resourceGroupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: identityName
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: storageAccountName
    location: location
    tags: tags
    skuName: storageSkuName
    packageContainerName: packageContainerName
    privateOnly: virtualNetworkEnabled
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: workspaceName
    insightsName: insightsName
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module access 'modules/access.bicep' = {
  name: 'access'
  scope: group
  params: {
    identityName: identityName
    storageAccountName: storageAccountName
    insightsName: insightsName
  }
  dependsOn: [
    identity
    storage
    monitoring
  ]
}

module vault 'modules/vault.bicep' = if (vaultNeeded) {
  name: 'vault'
  scope: group
  params: {
    name: vaultName
    location: location
    tags: tags
    identityName: identityName
    workspaceName: workspaceName
    credentialEntryName: credentialEntryName
    credentialValue: partnerCenterCredentialValue
    webhookEntryName: webhookEntryName
    webhookSecretValue: webhookSecret
  }
  dependsOn: [
    identity
    monitoring
  ]
}

module network 'modules/network.bicep' = if (virtualNetworkEnabled) {
  name: 'network'
  scope: group
  params: {
    name: networkName
    location: location
    tags: tags
    storageAccountName: storageAccountName
    appSubnetName: appSubnetName
  }
  dependsOn: [
    storage
  ]
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: functionAppName
    planName: planName
    location: location
    tags: tags
    serviceName: serviceName
    identityName: identityName
    storageAccountName: storageAccountName
    packageContainerName: packageContainerName
    insightsName: insightsName
    workspaceName: workspaceName
    diagnosticSettingsEnabled: diagnosticSettingsEnabled
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    clientCertificateMode: clientCertificateMode
    virtualNetworkName: virtualNetworkEnabled ? networkName : ''
    appSubnetName: appSubnetName
    partnerCenterTenantId: partnerCenterTenantId
    partnerCenterClientId: partnerCenterClientId
    partnerCenterCredential: partnerCenterCredential
    vaultName: vaultNeeded ? vaultName : ''
    credentialEntryName: credentialEntryName
    webhookUrl: webhookUrl
    webhookEntryName: webhookEntryName
    appSettings: appSettings
  }
  // The app's first start reads storage, telemetry and secrets: what it may do comes before it.
  dependsOn: [
    access
    vault
    network
  ]
}

module signIn 'modules/sign-in.bicep' = if (!empty(signInClientId)) {
  name: 'sign-in'
  scope: group
  params: {
    functionAppName: functionAppName
    clientId: signInClientId
    allowedClientIds: signInAllowedClientIds
  }
  dependsOn: [
    app
  ]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    namePrefix: 'offer-monitor-${environmentName}'
    location: location
    tags: tags
    insightsName: insightsName
    storageAccountName: storageAccountName
    emailAddress: alertEmailAddress
    runbookUrl: runbookUrl
  }
  dependsOn: [
    storage
    monitoring
  ]
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    displayName: 'Partner Center offer monitor (${environmentName})'
    location: location
    tags: tags
    insightsName: insightsName
  }
  dependsOn: [
    monitoring
  ]
}

@description('Region of the deployment.')
output AZURE_LOCATION string = location

@description('Tenant of the subscription: where the managed identity lives.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('Resource group that holds everything.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output FUNCTION_APP_NAME string = functionAppName

@description('Address of the function app.')
output FUNCTION_APP_URL string = 'https://${app.outputs.hostName}'

@description('Client id of the app\'s managed identity.')
output MANAGED_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Object id of the app\'s managed identity: the subject that trust-identity.sh lets the Entra application trust.')
output MANAGED_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Client id of the Entra application that Partner Center knows.')
output PARTNER_CENTER_CLIENT_ID string = partnerCenterClientId

@description('Name of the storage account.')
output STORAGE_ACCOUNT_NAME string = storageAccountName

@description('Name of the key vault; empty when nothing is secret.')
output KEY_VAULT_NAME string = vaultNeeded ? vaultName : ''

@description('Name of the Application Insights component.')
output APPLICATION_INSIGHTS_NAME string = insightsName

@description('Resource id of the workbook.')
output WORKBOOK_ID string = workbook.outputs.id
