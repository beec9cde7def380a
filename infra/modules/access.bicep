// The roles of the app's identity on storage and telemetry. The role on the vault's secrets is in vault.bicep, because the
// vault is optional. Nobody else gets a role.

@description('Name of the app\'s managed identity.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('Name of the Application Insights component.')
param insightsName string

var roleIds = {
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

// The Functions host: leases that let one instance run a timer, the function keys, and the deployed package. Microsoft requires
// Owner, not Contributor, on the host's storage.
resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  // The name contains the identity's resource id, not its object id, which is known only during the deployment. So a what-if
  // shows this assignment, and a second deployment finds it.
  name: guid(account.id, identity.id, roleIds['Storage Blob Data Owner'])
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds['Storage Blob Data Owner'])
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'Functions host: timer leases, function keys, deployed package'
  }
}

// The app: jobs, webhooks and deliveries. It creates its tables when they are missing.
resource jobTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, identity.id, roleIds['Storage Table Data Contributor'])
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds['Storage Table Data Contributor'])
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'App: jobs, webhooks and deliveries'
  }
}

// No role on queues: the app has only timer and HTTP triggers, which do not use queues.

// Host and app send telemetry; the role can write it but not read it.
resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, identity.id, roleIds['Monitoring Metrics Publisher'])
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds['Monitoring Metrics Publisher'])
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'Functions host and app: send telemetry'
  }
}
