// Alerts. For each, the section of the same name in docs/operations.md says what it means and what to do.
// A query returns rows only when something is wrong, so every rule fires on more than 0 rows.

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

@description('Name of the action group that is created.')
@minLength(1)
@maxLength(260)
param actionGroupName string

@description('Whether the action group is created; if not, it already exists, with its own receivers.')
param actionGroupCreated bool

@description('Resource id of the action group that gets the alerts.')
param actionGroupId string

@description('E-mail address for the created action group; empty creates it without a receiver.')
param emailAddress string

@description('Expiry date of the secret or certificate in Entra (2027-06-30); empty if there is none or it is unknown.')
param credentialExpiresOn string

@description('Address of the runbook page.')
param runbookUrl string

// severity: 0 critical, 1 error, 2 warning, 3 informational. A rule that runs every 5 minutes costs three times as much as one
// that runs every 15 (docs/deployment.md), so only the two that mean "nothing works" do. Each rule looks back further than its
// last run, so that it does not miss late log lines.
var eventAlerts = [
  {
    name: 'no-poll-cycle'
    description: 'No poll cycle was logged for 10 minutes: pending jobs are not being polled.'
    severity: 1
    query: loadTextContent('../queries/no-poll-cycle.kql')
    windowSize: 'PT10M'
    evaluationFrequency: 'PT5M'
  }
  {
    name: 'credential-refused'
    description: 'Microsoft refuses the app\'s credential: no job can be polled until this is fixed.'
    severity: 1
    query: loadTextContent('../queries/credential-refused.kql')
    windowSize: 'PT15M'
    evaluationFrequency: 'PT5M'
  }
  {
    name: 'poll-cycles-failing'
    description: 'Poll cycles run but fail because of storage, upstream or a setting.'
    severity: 2
    query: loadTextContent('../queries/poll-cycles-failing.kql')
    windowSize: 'PT30M'
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
    description: 'Pending jobs are due but are not polled in time.'
    severity: 2
    query: loadTextContent('../queries/jobs-overdue.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'rows-set-aside'
    description: 'A row of the jobs table cannot be read as a job and was set aside.'
    severity: 3
    query: loadTextContent('../queries/rows-set-aside.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'deliveries-dead'
    description: 'A webhook delivery was given up.'
    severity: 2
    query: loadTextContent('../queries/deliveries-dead.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'deliveries-not-stored'
    description: 'A webhook was sent but its result could not be stored: it may arrive twice.'
    severity: 3
    query: loadTextContent('../queries/deliveries-not-stored.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'delivery-faults'
    description: 'A webhook delivery could not be sent properly: its row or its event is unreadable, or the app has an error.'
    severity: 2
    query: loadTextContent('../queries/delivery-faults.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'webhooks-disabled'
    description: 'A webhook endpoint was disabled or cannot be read: its events are kept until someone enables it.'
    severity: 2
    query: loadTextContent('../queries/webhooks-disabled.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'server-errors'
    description: 'More than 5 percent of the HTTP requests, and at least five, were answered with 5xx.'
    severity: 2
    query: loadTextContent('../queries/server-errors.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
]

// The timers other than poll_pending_jobs. Each logs one line per run, `event`, with an `outcome`. `silentAfter` is a KQL
// timespan that allows for late runs; `silentWindow` must be longer.
var timers = [
  {
    function: 'deliver_webhooks'
    event: 'delivery_cycle'
    silentAlert: 'no-delivery-cycle'
    silentAfter: '15m'
    silentWindow: 'PT1H'
    failingAlert: 'delivery-cycles-failing'
    failures: 5
    failingWindow: 'PT30M'
    without: 'failed webhooks are not retried'
  }
  {
    function: 'watch_offers'
    event: 'watch_offers'
    silentAlert: 'no-watch-run'
    silentAfter: '50m'
    silentWindow: 'PT2H'
    failingAlert: 'watch-runs-failing'
    failures: 3
    failingWindow: 'PT1H'
    without: 'changes of offers are not announced'
  }
  {
    function: 'clean_up'
    event: 'clean_up'
    silentAlert: 'no-clean-up'
    silentAfter: '26h'
    silentWindow: 'P2D'
    failingAlert: 'clean-up-failing'
    failures: 1
    failingWindow: 'PT1H'
    without: 'jobs and deliveries are kept longer than JOB_HISTORY_DAYS and DELIVERY_HISTORY_DAYS'
  }
]

var silentQuery = loadTextContent('../queries/timer-silent.kql')
var failingQuery = loadTextContent('../queries/timer-failing.kql')

var silentAlerts = map(timers, timer => {
  name: timer.silentAlert
  description: '${timer.function} has logged nothing for ${timer.silentAfter}: ${timer.without}.'
  severity: 2
  query: 'let eventName = "${timer.event} ";\nlet silentAfter = ${timer.silentAfter};\n${silentQuery}'
  windowSize: timer.silentWindow
  evaluationFrequency: 'PT15M'
})

var failingAlerts = map(timers, timer => {
  name: timer.failingAlert
  description: '${timer.function} runs but fails: ${timer.without}.'
  severity: 2
  query: 'let eventName = "${timer.event} ";\nlet failuresToAlert = ${timer.failures};\n${failingQuery}'
  windowSize: timer.failingWindow
  evaluationFrequency: 'PT15M'
})

// Azure does not know when a client secret expires in Entra; this rule knows it from a parameter.
var expiryQuery = loadTextContent('../queries/credential-expiring.kql')
var expiryAlerts = empty(credentialExpiresOn) ? [] : [
      {
        name: 'credential-expiring'
        description: 'The secret or certificate of the Entra application expires on ${credentialExpiresOn}.'
        severity: 2
        query: 'let expiresOn = datetime(${credentialExpiresOn});\n${expiryQuery}'
        windowSize: 'P1D'
        evaluationFrequency: 'PT1H'
      }
    ]

var logAlerts = concat(eventAlerts, silentAlerts, failingAlerts, expiryAlerts)

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (actionGroupCreated) {
  name: actionGroupName
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

resource logRules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
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
      // A new component may not know its own tables yet, which would fail the first deployment. The tests check the queries.
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
          actionGroupId
        ]
        customProperties: {
          runbook: '${runbookUrl}#${alert.name}'
        }
      }
    }
    dependsOn: [
      actionGroup
    ]
  }
]

resource storageUnavailable 'Microsoft.Insights/metricAlerts@2026-01-01' = {
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
        actionGroupId: actionGroupId
      }
    ]
  }
  dependsOn: [
    actionGroup
  ]
}
