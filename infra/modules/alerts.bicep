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

@description('Name of the action group that is created.')
@minLength(1)
@maxLength(260)
param actionGroupName string

@description('Whether the action group is created; if not, it exists already, with receivers of its own.')
param actionGroupCreated bool

@description('Resource id of the action group that is told.')
param actionGroupId string

@description('Address that the created action group tells; empty creates it without a receiver.')
param emailAddress string

@description('Day on which the secret or certificate ends in Entra (2027-06-30); empty if there is none, or it is not known.')
param credentialExpiresOn string

@description('Where the runbooks are.')
param runbookUrl string

// severity: 0 critical, 1 error, 2 warning, 3 informational. A rule that runs every 5 minutes costs three times one that
// runs every 15 (docs/deployment.md), so only the two that mean "nothing works" do. Each looks back further than its last run,
// so that a line that arrives late is seen by the next one.
var eventAlerts = [
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
    description: 'Pending jobs are due and are not reached in time.'
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
    description: 'A webhook was sent and its result could not be stored: it may arrive twice.'
    severity: 3
    query: loadTextContent('../queries/deliveries-not-stored.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'delivery-faults'
    description: 'A webhook delivery cannot go out as it should: its row or its event makes no sense, or the app is at fault.'
    severity: 2
    query: loadTextContent('../queries/delivery-faults.kql')
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
  }
  {
    name: 'webhooks-disabled'
    description: 'A webhook endpoint was disabled or cannot be read: its events wait until someone enables it.'
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

// The timers other than poll_pending_jobs. Each logs one line a run, `event`, with an `outcome`. `silentAfter` is KQL's, a
// little more than two intervals, and `window` has to hold it twice.
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
    without: 'webhooks that failed are not tried again'
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
    without: 'jobs and deliveries are kept longer than JOB_HISTORY_DAYS and DELIVERY_HISTORY_DAYS say'
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
  description: '${timer.function} runs but cannot do its work: ${timer.without}.'
  severity: 2
  query: 'let eventName = "${timer.event} ";\nlet failuresToAlert = ${timer.failures};\n${failingQuery}'
  windowSize: timer.failingWindow
  evaluationFrequency: 'PT15M'
})

// Azure does not know when a client secret ends in Entra; this rule does, if it is told.
var expiryQuery = loadTextContent('../queries/credential-expiring.kql')
var expiryAlerts = empty(credentialExpiresOn) ? [] : [
      {
        name: 'credential-expiring'
        description: 'The secret or certificate of the Entra application ends on ${credentialExpiresOn}.'
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
