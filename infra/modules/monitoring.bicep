// The app's telemetry: a workspace, and Application Insights, which accepts telemetry only from Entra identities.

import { Tags } from '../types.bicep'

@description('Name of the Log Analytics workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Name of the Application Insights component.')
@minLength(1)
@maxLength(255)
param insightsName string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags Tags

@description('Resource id of the workspace.')
param workspaceId string

@description('Whether the workspace is created; if not, it already exists, with its own retention and quota.')
param workspaceCreated bool

@description('Days that logs are kept. Application Insights\' tables keep them for at least 90, at no charge, whatever the workspace\'s setting.')
@minValue(90)
@maxValue(730)
param retentionDays int

@description('Daily limit for logs in gigabytes; further logs are dropped until midnight UTC. It limits costs.')
@minValue(1)
@maxValue(100)
param dailyQuotaGb int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (workspaceCreated) {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    features: {
      // The workspace's keys cannot write logs either.
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGb
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceId
    // The connection string is not enough: sending telemetry needs a token of an identity with the role for it (access.bicep).
    DisableLocalAuth: true
  }
  dependsOn: [
    workspace
  ]
}
