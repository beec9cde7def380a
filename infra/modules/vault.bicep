// The key vault. It is deployed only if there is a secret: a client secret or certificate of the Partner Center application, or
// the secret of the configured webhook.

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

@description('Whether the vault can be reached only through its private endpoint.')
param privateOnly bool

@description('Name of the secret with the client secret or the certificate.')
@minLength(1)
@maxLength(127)
param credentialEntryName string

@description('Client secret or certificate (PEM or PFX, base64). Empty keeps the vault\'s value.')
@secure()
param credentialValue string

@description('Expiry date of that secret or certificate in Entra (2027-06-30); empty if unknown.')
param credentialExpiresOn string

@description('Name of the secret with the webhook\'s signing secret.')
@minLength(1)
@maxLength(127)
param webhookEntryName string

@description('Signing secret of the configured webhook. Empty keeps the vault\'s value.')
@secure()
param webhookSecretValue string

// Days during which a deleted vault or secret can be restored and cannot be purged. It cannot be changed for an existing vault.
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

// Written only if a value is given, so that a deployment without one never overwrites a secret.
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

// For Key Vault references: the role can read secret values, but not write, and not list keys or certificates.
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

// Who read or changed which secret.
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
