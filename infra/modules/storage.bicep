// The app's only store: jobs and webhooks in tables; the host's timer locks and keys, and the deployed package, in blobs.

import { Tags } from '../types.bicep'

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Azure region.')
param location string

@description('Tags of the resource.')
param tags Tags

@description('Redundancy. If a region is lost, its jobs have to be registered again by their ids, so weigh the price against that.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param skuName string

@description('Container of the deployed package.')
@minLength(3)
@maxLength(63)
param packageContainerName string

@description('Whether the account can be reached only through private endpoints.')
param privateOnly bool

@description('Resource id of the Log Analytics workspace that keeps the audit log.')
param workspaceId string

@description('Whether every read, write and delete of tables and blobs is logged.')
param auditEnabled bool

@description('Whether the account is locked against deletion.')
param deleteLockEnabled bool

// Days during which a deleted blob or container can be restored.
var blobRetentionDays = 7

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    // Account keys do not work: every caller needs an Entra token.
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: blobRetentionDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: blobRetentionDays
    }
  }
}

resource packageContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobService
  name: packageContainerName
  properties: {
    publicAccess: 'None'
  }
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = {
  parent: account
  name: 'default'
}

// Who read, wrote or deleted what. Most of it are the app's own requests (docs/deployment.md has the cost).
resource blobAudit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (auditEnabled) {
  scope: blobService
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

resource tableAudit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (auditEnabled) {
  scope: tableService
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

// Protects the account against accidental deletion, but not its rows. It also blocks `azd down` until it is removed.
resource deleteLock 'Microsoft.Authorization/locks@2020-05-01' = if (deleteLockEnabled) {
  scope: account
  name: 'keep-jobs'
  properties: {
    level: 'CanNotDelete'
    notes: 'Jobs, webhooks and their history. Remove this lock to delete the account.'
  }
}
