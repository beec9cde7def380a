// The vault that keeps what must stay secret. It is deployed only when something must: a client secret or certificate of
// Partner Center's application, or the secret of the configured webhook.

import { Tags } from '../types.bicep'

@description('Name of the key vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Azure region.')
param location string

@description('Tags of the resource.')
param tags Tags

@description('Name of the app\'s managed identity, which may read the secrets.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Resource id of the Log Analytics workspace that keeps the vault\'s audit log.')
param workspaceId string

@description('Whether the vault is reached through its private endpoint alone.')
param privateOnly bool

@description('Name of the secret that holds the client secret or the certificate.')
@minLength(1)
@maxLength(127)
param credentialEntryName string

@description('Client secret or certificate (PEM or PFX, base64). Empty leaves what the vault holds as it is.')
@secure()
param credentialValue string

@description('Day on which that secret or certificate ends in Entra (2027-06-30); empty if it is not known.')
param credentialExpiresOn string

@description('Name of the secret that holds the webhook\'s secret.')
@minLength(1)
@maxLength(127)
param webhookEntryName string

@description('Secret of the configured webhook. Empty leaves what the vault holds as it is.')
@secure()
param webhookSecretValue string

// Days during which a deleted vault or secret can be restored, and cannot be purged. A vault keeps the number it was made with.
var softDeleteRetentionDays = 90

var roleIds = {
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: softDeleteRetentionDays
    enablePurgeProtection: true
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
    }
  }
}

// Written only when a value is given, so that a deployment without one never replaces a secret by an empty one.
resource credential 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = if (!empty(credentialValue)) {
  parent: vault
  name: credentialEntryName
  properties: {
    value: credentialValue
    contentType: 'Partner Center application credential'
    attributes: empty(credentialExpiresOn) ? {} : {
          exp: dateTimeToEpoch('${credentialExpiresOn}T00:00:00Z')
        }
  }
}

resource webhookSecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = if (!empty(webhookSecretValue)) {
  parent: vault
  name: webhookEntryName
  properties: {
    value: webhookSecretValue
    contentType: 'Webhook signing secret'
  }
}

// Key Vault references: read the value of a secret; no listing of keys or certificates, no writing.
resource readSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, identity.id, roleIds['Key Vault Secrets User'])
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds['Key Vault Secrets User'])
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'App settings: resolve Key Vault references'
  }
}

// Every read and change of a secret, and by whom.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}
