// The whole product on Azure: one resource group with the function app, its storage, its telemetry and its alerts.
// A person still has to add the Entra application in Partner Center (docs/deployment.md).

targetScope = 'subscription'

import { AlwaysReady, AppSettings, ClientCertificateMode, DnsZoneIds, HostSettings, PartnerCenterCredential, Tags } from './types.bicep'

@description('Name of this environment. It is part of the resource group\'s name and of the tag by which azd finds its resources.')
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

@description('How the app authenticates as that application. federated needs no secret: the application trusts the app\'s managed identity.')
param partnerCenterCredential PartnerCenterCredential = 'federated'

@description('For secret and certificate: the client secret, or the certificate (PEM or PFX, base64). It is stored only in the key vault; empty keeps the vault\'s value.')
@secure()
param partnerCenterCredentialValue string = ''

@description('For secret and certificate: its expiry date in Entra (2027-06-30). An alert fires 30 days before.')
param partnerCenterCredentialExpiresOn string = ''

@description('Webhook endpoint that gets every event, without registration. Empty for none.')
param webhookUrl string = ''

@description('Signing secret (whsec_...) of that endpoint. It is stored only in the key vault; empty keeps the vault\'s value.')
@secure()
param webhookSecret string = ''

@description('Address that gets the alerts. Empty creates the alerts without a receiver.')
param alertEmailAddress string = ''

@description('Resource id of an existing action group that gets the alerts. Empty creates one.')
param existingActionGroupId string = ''

@description('Address of the runbook page, to whose sections the alerts link. If empty, alerts only name the section.')
param runbookUrl string = ''

@description('Tests /api/health from three places outside the region, every 15 minutes, and alerts when two of them fail.')
param availabilityTestEnabled bool = false

@description('Memory of an instance in MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 512

@description('Maximum number of on-demand instances for each group of functions.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('HTTP requests that one instance answers at once.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 16

@description('Instances that are always running: [{ name: \'http\', instanceCount: 1 }].')
param alwaysReadyInstances AlwaysReady[] = []

@description('Spreads the app\'s instances over the zones of the region. Needs a storage redundancy with ZRS.')
param zoneRedundant bool = false

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

@description('Other application settings by name, such as the host\'s. They survive deployments. Not for secrets.')
param hostSettings HostSettings = {}

@description('Puts the app into a virtual network and closes storage and key vault except for their private endpoints.')
param virtualNetworkEnabled bool = false

@description('Address range of the virtual network that is created: /23 or larger.')
@minLength(9)
@maxLength(18)
param virtualNetworkAddressPrefix string = '10.40.0.0/16'

@description('Gives the app\'s outgoing traffic one fixed address (NAT gateway), for receivers with a list of addresses. Needs virtualNetworkEnabled.')
param fixedOutgoingAddressEnabled bool = false

@description('Closes the app and its deployment endpoint except for a private endpoint. Needs virtualNetworkEnabled.')
param privateInboundEnabled bool = false

@description('Resource id of an existing subnet for the app, delegated to Microsoft.App/environments. Empty creates a network.')
param existingAppSubnetId string = ''

@description('Resource id of an existing subnet for the private endpoints, in the same network. Use it with existingAppSubnetId.')
param existingEndpointSubnetId string = ''

@description('Existing private DNS zones that are linked to the network.')
param existingDnsZoneIds DnsZoneIds = {}

@description('Address ranges (CIDR) that may call the app. Empty allows every address.')
param allowedIpRanges string[] = []

@description('Address ranges (CIDR) that may reach the deployment endpoint. Empty allows every address.')
param deploymentAllowedIpRanges string[] = []

@description('Client id of an Entra application: HTTP callers need a token for it as well as the function key. Empty for keys only.')
param signInClientId string = ''

@description('Client ids of the applications that may call when sign-in is on. Empty allows every application of the tenant with a token.')
param signInAllowedClientIds string[] = []

@description('Whether HTTP callers show a TLS client certificate.')
param clientCertificateMode ClientCertificateMode = 'Off'

@description('Whether the platform\'s logs and metrics of the app go to the workspace, in addition to the app\'s telemetry.')
param diagnosticSettingsEnabled bool = false

@description('Whether every read, write and delete in storage is logged.')
param storageAuditEnabled bool = false

@description('Resource id of an existing Log Analytics workspace. Empty creates one.')
param existingWorkspaceId string = ''

@description('Days that logs are kept.')
@minValue(90)
@maxValue(730)
param logRetentionDays int = 90

@description('Daily limit for logs, in gigabytes.')
@minValue(1)
@maxValue(100)
param logDailyQuotaGb int = 1

@description('Locks the storage account against deletion. The deployer needs the right to write locks.')
param deleteLockEnabled bool = false

@description('Tags for every resource, in addition to azd\'s.')
param extraTags Tags = {}

var token = uniqueString(subscription().id, environmentName, location)
var tags = union(extraTags, {
  'azd-env-name': environmentName
})

// Names are known before the deployment, so that a what-if shows every resource by its name.
var resourceGroupName = 'rg-${environmentName}'
var identityName = 'id-offer-monitor-${token}'
var storageAccountName = 'stoffer${token}'
var workspaceName = 'log-offer-monitor-${token}'
var insightsName = 'appi-offer-monitor-${token}'
var vaultName = 'kv-offer-${token}'
var networkName = 'vnet-offer-monitor-${token}'
var publicAddressName = 'pip-offer-monitor-${token}'
var planName = 'plan-offer-monitor-${token}'
var functionAppName = 'func-offer-monitor-${token}'

var serviceName = 'app'
var packageContainerName = 'app-package'
var appSubnetName = 'app'
var credentialEntryName = partnerCenterCredential == 'certificate' ? 'partner-center-certificate' : 'partner-center-client-secret'
var webhookEntryName = 'webhook-secret'
var endpointSubnetName = 'private-endpoints'
var actionGroupName = 'offer-monitor-${environmentName}-alerts'
var vaultNeeded = partnerCenterCredential != 'federated' || !empty(webhookUrl)

var networkCreated = virtualNetworkEnabled && empty(existingAppSubnetId)
var privateInbound = virtualNetworkEnabled && privateInboundEnabled

// Ids of new or existing resources. They are built from names and not taken from resources declared as existing, because the
// deployment would look for those before it has created them. resourceId() does not work either: in a deployment to a
// subscription it accepts no resource group (https://github.com/Azure/bicep/issues/3619).
var groupId = '${subscription().id}/resourceGroups/${resourceGroupName}'
var workspaceId = empty(existingWorkspaceId) ? extensionResourceId(groupId, 'Microsoft.OperationalInsights/workspaces', workspaceName) : existingWorkspaceId
var actionGroupId = empty(existingActionGroupId) ? extensionResourceId(groupId, 'Microsoft.Insights/actionGroups', actionGroupName) : existingActionGroupId
var appSubnetId = empty(existingAppSubnetId) ? extensionResourceId(groupId, 'Microsoft.Network/virtualNetworks/subnets', networkName, appSubnetName) : existingAppSubnetId
var endpointSubnetId = empty(existingEndpointSubnetId) ? extensionResourceId(groupId, 'Microsoft.Network/virtualNetworks/subnets', networkName, endpointSubnetName) : existingEndpointSubnetId
// A subnet's id begins with its network's: nine parts, the first of them empty.
var networkId = empty(existingAppSubnetId) ? extensionResourceId(groupId, 'Microsoft.Network/virtualNetworks', networkName) : join(take(split(existingAppSubnetId, '/'), 9), '/')
var storageAccountId = extensionResourceId(groupId, 'Microsoft.Storage/storageAccounts', storageAccountName)
var vaultId = extensionResourceId(groupId, 'Microsoft.KeyVault/vaults', vaultName)
var functionAppId = extensionResourceId(groupId, 'Microsoft.Web/sites', functionAppName)
var vaultDnsSuffix = replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
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
    workspaceId: workspaceId
    auditEnabled: storageAuditEnabled
    deleteLockEnabled: deleteLockEnabled
  }
  dependsOn: [
    monitoring
  ]
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: workspaceName
    insightsName: insightsName
    workspaceId: workspaceId
    workspaceCreated: empty(existingWorkspaceId)
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
    workspaceId: workspaceId
    privateOnly: virtualNetworkEnabled
    credentialEntryName: credentialEntryName
    credentialValue: partnerCenterCredentialValue
    credentialExpiresOn: partnerCenterCredentialExpiresOn
    webhookEntryName: webhookEntryName
    webhookSecretValue: webhookSecret
  }
  dependsOn: [
    identity
    monitoring
  ]
}

module network 'modules/network.bicep' = if (networkCreated) {
  name: 'network'
  scope: group
  params: {
    name: networkName
    location: location
    tags: tags
    appSubnetName: appSubnetName
    endpointSubnetName: endpointSubnetName
    addressPrefix: virtualNetworkAddressPrefix
    fixedOutgoingAddress: fixedOutgoingAddressEnabled
    publicAddressName: publicAddressName
  }
}

module blobEndpoint 'modules/private-endpoint.bicep' = if (virtualNetworkEnabled) {
  name: 'blob-endpoint'
  scope: group
  params: {
    name: 'pep-${storageAccountName}-blob'
    location: location
    tags: tags
    targetId: storageAccountId
    groupId: 'blob'
    subnetId: endpointSubnetId
    networkId: networkId
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
    existingZoneId: existingDnsZoneIds.?blob ?? ''
  }
  dependsOn: [
    network
    storage
  ]
}

module tableEndpoint 'modules/private-endpoint.bicep' = if (virtualNetworkEnabled) {
  name: 'table-endpoint'
  scope: group
  params: {
    name: 'pep-${storageAccountName}-table'
    location: location
    tags: tags
    targetId: storageAccountId
    groupId: 'table'
    subnetId: endpointSubnetId
    networkId: networkId
    zoneName: 'privatelink.table.${environment().suffixes.storage}'
    existingZoneId: existingDnsZoneIds.?table ?? ''
  }
  dependsOn: [
    network
    storage
  ]
}

module vaultEndpoint 'modules/private-endpoint.bicep' = if (virtualNetworkEnabled && vaultNeeded) {
  name: 'vault-endpoint'
  scope: group
  params: {
    name: 'pep-${vaultName}-vault'
    location: location
    tags: tags
    targetId: vaultId
    groupId: 'vault'
    subnetId: endpointSubnetId
    networkId: networkId
    zoneName: 'privatelink${vaultDnsSuffix}'
    existingZoneId: existingDnsZoneIds.?vault ?? ''
  }
  dependsOn: [
    network
    vault
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
    workspaceId: workspaceId
    diagnosticSettingsEnabled: diagnosticSettingsEnabled
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyInstances: alwaysReadyInstances
    zoneRedundant: zoneRedundant
    allowedIpRanges: allowedIpRanges
    deploymentAllowedIpRanges: deploymentAllowedIpRanges
    privateOnly: privateInbound
    clientCertificateMode: clientCertificateMode
    appSubnetId: virtualNetworkEnabled ? appSubnetId : ''
    partnerCenterTenantId: partnerCenterTenantId
    partnerCenterClientId: partnerCenterClientId
    partnerCenterCredential: partnerCenterCredential
    vaultName: vaultNeeded ? vaultName : ''
    credentialEntryName: credentialEntryName
    webhookUrl: webhookUrl
    webhookEntryName: webhookEntryName
    appSettings: appSettings
    hostSettings: hostSettings
  }
  // The app's first start uses storage, telemetry and secrets, so its roles and its network come first.
  dependsOn: [
    access
    vault
    network
    blobEndpoint
    tableEndpoint
    vaultEndpoint
  ]
}

module appEndpoint 'modules/private-endpoint.bicep' = if (privateInbound) {
  name: 'app-endpoint'
  scope: group
  params: {
    name: 'pep-${functionAppName}-sites'
    location: location
    tags: tags
    targetId: functionAppId
    groupId: 'sites'
    subnetId: endpointSubnetId
    networkId: networkId
    zoneName: 'privatelink.azurewebsites.net'
    existingZoneId: existingDnsZoneIds.?sites ?? ''
  }
  dependsOn: [
    app
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
    actionGroupName: actionGroupName
    actionGroupCreated: empty(existingActionGroupId)
    actionGroupId: actionGroupId
    emailAddress: alertEmailAddress
    credentialExpiresOn: partnerCenterCredentialExpiresOn
    runbookUrl: runbookUrl
  }
  dependsOn: [
    storage
    monitoring
  ]
}

module availability 'modules/availability.bicep' = if (availabilityTestEnabled) {
  name: 'availability'
  scope: group
  params: {
    name: 'health-${functionAppName}'
    namePrefix: 'offer-monitor-${environmentName}'
    location: location
    tags: tags
    insightsName: insightsName
    functionAppName: functionAppName
    actionGroupId: actionGroupId
    runbookUrl: runbookUrl
  }
  dependsOn: [
    app
    alerts
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

@description('Tenant of the subscription and of the managed identity.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('Resource group of all resources.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output FUNCTION_APP_NAME string = functionAppName

@description('Address of the function app.')
output FUNCTION_APP_URL string = 'https://${app.outputs.hostName}'

@description('Client id of the app\'s managed identity.')
output MANAGED_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Object id of the app\'s managed identity: the subject that trust-identity.sh makes the Entra application trust.')
output MANAGED_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Client id of the Entra application that Partner Center knows.')
output PARTNER_CENTER_CLIENT_ID string = partnerCenterClientId

@description('Name of the storage account.')
output STORAGE_ACCOUNT_NAME string = storageAccountName

@description('Name of the key vault; empty if there is no secret.')
output KEY_VAULT_NAME string = vaultNeeded ? vaultName : ''

@description('Name of the Application Insights component.')
output APPLICATION_INSIGHTS_NAME string = insightsName

@description('Resource id of the workbook.')
output WORKBOOK_ID string = workbook.outputs.id
