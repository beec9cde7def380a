// Alerts, each with a section of the same name in docs/operations.md that says what it means and what to do.
// A query returns rows only when something is wrong, so that every rule reads "more than no row".

import { Tags } from '../types.bicep'

@description('Prefix of the rules\' names.')
@minLength(1)
param namePrefix string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags Tags

@description('Name of the Application Insights component.')
param insightsName string

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('Address that gets the alerts; empty creates the rules without a receiver.')
param emailAddress string

@description('Where the runbooks are.')
param runbookUrl string

// severity: 0 critical, 1 error, 2 warning, 3 informational. A rule that runs every 5 minutes costs three times one that
// runs every 15 (docs/deployment.md), so only the two that mean "nothing works" do.
var logAlerts = [
  {
    name: 'no-poll-cycle'
    description: 'No poll cycle was logged for 10 minutes: pending jobs are not being watched.'
    severity: 1
    query: loadTextContent('../queries/no-poll-cycle.kql')
    windowSize: 'PT10M'
    evaluationFrequency: 'PT5M'
  }
  {
    name: 'credential-refused'
    description: 'Microsoft refuses the app\'s credential: no job can be asked about until that is mended.'
    severity: 1
    query: loadTextContent('../queries/credential-refused.kql')
    windowSize: 'PT15M'
    evaluationFrequency: 'PT5M'
  }
  {
    name: 'poll-cycles-failing'
    description: 'Poll cycles run but cannot do their work: storage, upstream or a setting is at fault.'
    severity: 2
    query: loadTextContent('../queries/poll-cycles-failing.kql')
    windowSize: 'PT15M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'jobs-failing'
    description: 'Three or more jobs ended as failed, lost or expired within an hour.'
    severity: 3
    query: loadTextContent('../queries/jobs-failing.kql')
    windowSize: 'PT1H'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'jobs-overdue'
    description: 'Pending jobs are due and are not reached in time.'
    severity: 2
    query: loadTextContent('../queries/jobs-overdue.kql')
    windowSize: 'PT15M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'deliveries-dead'
    description: 'A webhook delivery was given up after its last attempt.'
    severity: 2
    query: loadTextContent('../queries/deliveries-dead.kql')
    windowSize: 'PT15M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'server-errors'
    description: 'More than 5 percent of the HTTP requests, and at least five, were answered with 5xx.'
    severity: 2
    query: loadTextContent('../queries/server-errors.kql')
    windowSize: 'PT15M'
    evaluationFrequency: 'PT15M'
  }
]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${namePrefix}-alerts'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'OfferMonitor'
    emailReceivers: empty(emailAddress) ? [] : [
          {
            name: 'operators'
            emailAddress: emailAddress
            useCommonAlertSchema: true
          }
        ]
  }
}

resource logRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in logAlerts: {
    name: '${namePrefix}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${namePrefix}: ${alert.name}'
      description: '${alert.description} Runbook: ${runbookUrl}#${alert.name}'
      severity: alert.severity
      enabled: true
      autoMitigate: true
      // A component that was made a minute ago may not know its own tables yet, and would fail the first deployment. What
      // the queries ask for is checked by the tests.
      skipQueryValidation: true
      scopes: [
        insights.id
      ]
      windowSize: alert.windowSize
      evaluationFrequency: alert.evaluationFrequency
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [
          actionGroup.id
        ]
        customProperties: {
          runbook: '${runbookUrl}#${alert.name}'
        }
      }
    }
  }
]

resource storageUnavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${namePrefix}-storage-unavailable'
  location: 'global'
  tags: tags
  properties: {
    description: 'Storage answers fewer than 99 percent of the requests. Runbook: ${runbookUrl}#storage-unavailable'
    severity: 2
    enabled: true
    autoMitigate: true
    scopes: [
      account.id
    ]
    windowSize: 'PT15M'
    evaluationFrequency: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'availability'
          metricNamespace: 'Microsoft.Storage/storageAccounts'
          metricName: 'Availability'
          timeAggregation: 'Average'
          operator: 'LessThan'
          threshold: 99
        }
      ]
    }
    actions: [
      {
        actionGroupId: actionGroup.id
      }
    ]
  }
}
