// Optional: a health test of the app from several places in the world, and its alert.

import { Tags } from '../types.bicep'

@description('Name of the test.')
@minLength(1)
param name string

@description('Prefix of the alert\'s name.')
@minLength(1)
param namePrefix string

@description('Azure region of the Application Insights component.')
param location string

@description('Tags of the resources.')
param tags Tags

@description('Name of the Application Insights component.')
param insightsName string

@description('Name of the tested function app.')
@minLength(2)
@maxLength(60)
param functionAppName string

@description('Resource id of the action group that gets the alert.')
param actionGroupId string

@description('Address of the runbook page.')
param runbookUrl string

// Three places, because one may have a bad connection: the alert fires only if two of them fail.
var places = [
  'emea-nl-ams-azr'
  'us-va-ash-azr'
  'apac-sg-sin-azr'
]
var failedPlaces = 2
var secondsBetweenTests = 900
var timeoutSeconds = 60

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource test 'Microsoft.Insights/webtests@2022-06-15' = {
  name: name
  location: location
  // The portal uses this tag to find the component of a test.
  tags: union(tags, {
    'hidden-link:${insights.id}': 'Resource'
  })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: name
    Name: name
    Enabled: true
    Kind: 'standard'
    Frequency: secondsBetweenTests
    Timeout: timeoutSeconds
    RetryEnabled: true
    Locations: [
      for place in places: {
        Id: place
      }
    ]
    Request: {
      RequestUrl: 'https://${app.properties.defaultHostName}/api/health'
      HttpVerb: 'GET'
      ParseDependentRequests: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 7
    }
  }
}

resource alert 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: '${namePrefix}-health-unavailable'
  location: 'global'
  // The portal uses these tags to find the alert of a test.
  tags: union(tags, {
    'hidden-link:${insights.id}': 'Resource'
    'hidden-link:${test.id}': 'Resource'
  })
  properties: {
    description: 'GET /api/health fails from outside. Runbook: ${runbookUrl}#health-unavailable'
    severity: 1
    enabled: true
    autoMitigate: true
    scopes: [
      test.id
      insights.id
    ]
    windowSize: 'PT30M'
    evaluationFrequency: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: test.id
      componentId: insights.id
      failedLocationCount: failedPlaces
    }
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}
