// The workbook: jobs by state, time to completion, polling, upstream, deliveries. Its queries read the app's log lines
// (docs/operations.md).

import { Tags } from '../types.bicep'

@description('Title of the workbook.')
@minLength(1)
param displayName string

@description('Azure region.')
param location string

@description('Tags of the resource.')
param tags Tags

@description('Name of the Application Insights component that it reads.')
param insightsName string

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(insights.id, 'offer-monitor')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: insights.id
    // Opened from the resource group, the workbook queries this component; opened from Application Insights, the component there.
    serializedData: string(union(loadJsonContent('../workbook.json'), {
      fallbackResourceIds: [
        insights.id
      ]
    }))
  }
}

@description('Resource id of the workbook.')
output id string = workbook.id
