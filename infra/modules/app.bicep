// The function app on Flex Consumption, with all its application settings.

import { AlwaysReady, AppSettings, ClientCertificateMode, HostSettings, PartnerCenterCredential, Tags } from '../types.bicep'

@description('Name of the function app.')
@minLength(2)
@maxLength(60)
param name string

@description('Name of the Flex Consumption plan. A plan can have only one app.')
@minLength(1)
@maxLength(60)
param planName string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags Tags

@description('Name of the azd service that is deployed to this app (azure.yaml).')
param serviceName string

@description('Name of the app\'s managed identity.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('Container of the deployed package.')
param packageContainerName string

@description('Name of the Application Insights component.')
param insightsName string

@description('Resource id of the Log Analytics workspace that keeps the platform\'s logs.')
param workspaceId string

@description('Whether the platform\'s logs and metrics of the app go to the workspace.')
param diagnosticSettingsEnabled bool

@description('Memory of an instance. 512 MB is a quarter of the price of 2,048 and enough for thousands of pending jobs.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int

@description('Maximum number of on-demand instances for each group of functions: the HTTP functions are one group, each timer is one.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('HTTP requests that one instance answers at once, and its number of threads.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int

@description('Instances that are always running.')
param alwaysReadyInstances AlwaysReady[]

@description('Whether the plan spreads its instances over the zones of the region.')
param zoneRedundant bool

@description('Address ranges that may call the app; empty allows every address.')
param allowedIpRanges string[]

@description('Address ranges that may reach the deployment endpoint; empty allows every address.')
param deploymentAllowedIpRanges string[]

@description('Whether the app and its deployment endpoint can be reached only through a private endpoint.')
param privateOnly bool

@description('Whether HTTP callers show a TLS client certificate.')
param clientCertificateMode ClientCertificateMode

@description('Resource id of the subnet that the app joins; empty for none.')
param appSubnetId string

@description('Tenant of the Entra application that Partner Center knows.')
param partnerCenterTenantId string

@description('Client id of the Entra application that Partner Center knows.')
param partnerCenterClientId string

@description('How the app authenticates as that application.')
param partnerCenterCredential PartnerCenterCredential

@description('Name of the key vault; empty if there is no secret.')
param vaultName string

@description('Name of the vault\'s secret with the client secret or the certificate.')
param credentialEntryName string

@description('Webhook endpoint that gets every event, without registration; empty for none.')
param webhookUrl string

@description('Name of the vault\'s secret with the webhook\'s signing secret.')
param webhookEntryName string

@description('Optional settings of the app.')
param appSettings AppSettings

@description('Application settings by name, passed on unchanged. They override the template\'s own.')
param hostSettings HostSettings

// The configured rules come before the platform's last rule, which allows everyone, or nobody else if there are rules.
var ipRules = map(allowedIpRanges, (cidr, index) => { name: 'allow-${index + 1}', action: 'Allow', priority: 100 + index, ipAddress: cidr })
var deploymentIpRules = map(deploymentAllowedIpRanges, (cidr, index) => { name: 'allow-${index + 1}', action: 'Allow', priority: 100 + index, ipAddress: cidr })

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, {
    'azd-service-name': serviceName
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(appSubnetId) ? null : appSubnetId
    clientCertEnabled: clientCertificateMode != 'Off'
    clientCertMode: clientCertificateMode == 'Required' ? 'Required' : 'Optional'
    // No exclusion path, not even for health: it would make the platform request the certificate by TLS renegotiation, which
    // HTTP/2 and TLS 1.3 do not support and which refuses bodies over 100 KB.
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictions: ipRules
      ipSecurityRestrictionsDefaultAction: empty(ipRules) ? 'Allow' : 'Deny'
      scmIpSecurityRestrictions: deploymentIpRules
      scmIpSecurityRestrictionsDefaultAction: empty(deploymentIpRules) ? 'Allow' : 'Deny'
      cors: {
        allowedOrigins: []
        supportCredentials: false
      }
      // No ftpsState: Flex Consumption has no FTP and refuses the property (error 51021). The publishing credential, which FTP
      // would need, is switched off below.
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${packageContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances
        // Without this, an instance of a Python app answers one request at a time, however many threads it has, so every call that
        // waits for Microsoft would need its own instance.
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
    }
  }
}

// Nobody can deploy to this app with a user name and password, neither by FTP nor through the deployment site.
resource ftpPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

// The host and its connections, all by identity. The services' full addresses, instead of the account's name, work in every
// Azure cloud. The queue's is omitted, because nothing uses it.
var platformSettings = {
  AzureWebJobsStorage__blobServiceUri: account.properties.primaryEndpoints.blob
  AzureWebJobsStorage__tableServiceUri: account.properties.primaryEndpoints.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  PYTHON_THREADPOOL_THREAD_COUNT: string(httpConcurrency)
}

var partnerCenterSettings = {
  PARTNER_CENTER_TENANT_ID: partnerCenterTenantId
  PARTNER_CENTER_CLIENT_ID: partnerCenterClientId
}

// Exactly one of these: with none or two of them the app does not work.
var credentialSettings = {
  federated: {
    PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID: identity.properties.clientId
  }
  secret: {
    PARTNER_CENTER_CLIENT_SECRET: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${credentialEntryName})'
  }
  certificate: {
    PARTNER_CENTER_CERTIFICATE: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${credentialEntryName})'
  }
}

var webhookSettings = empty(webhookUrl) ? {} : {
      WEBHOOK_URL: webhookUrl
      WEBHOOK_SECRET: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${webhookEntryName})'
    }

// Settings that are null are omitted too.
var chosenSettings = toObject(filter(items(appSettings), setting => setting.?value != null), setting => setting.key, setting => string(setting.?value))

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(platformSettings, partnerCenterSettings, credentialSettings[partnerCenterCredential], webhookSettings, chosenSettings, hostSettings)
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (diagnosticSettingsEnabled) {
  scope: app
  name: 'platform'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'FunctionAppLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

@description('Host name of the app.')
output hostName string = app.properties.defaultHostName
