// Types that the template and its modules share.

@export()
@description('Tags for every resource.')
type Tags = {
  @description('A tag, by its name.')
  *: string
}

@export()
@description('How the app authenticates to Microsoft Entra as the application that Partner Center knows.')
type PartnerCenterCredential = 'federated' | 'secret' | 'certificate'

@export()
@description('Whether the platform asks HTTP callers for a TLS client certificate.')
type ClientCertificateMode = 'Off' | 'Optional' | 'Required'

@export()
@description('Application settings by name, passed on unchanged: for the host (AzureWebJobs.<function>.Disabled, AzureFunctionsJobHost__...) and others without a parameter. Not for secrets.')
type HostSettings = {
  @description('A setting, by its name.')
  *: string
}

@export()
@description('Instances that are always running.')
@sealed()
type AlwaysReady = {
  @description('The group of functions: http for all HTTP functions, or function:<name> for a timer.')
  name: string

  @description('Number of instances.')
  @minValue(0)
  @maxValue(20)
  instanceCount: int
}

@export()
@description('Existing private DNS zones. Missing ones are created.')
@sealed()
type DnsZoneIds = {
  @description('Resource id of the zone privatelink.blob.core.windows.net.')
  blob: string?

  @description('Resource id of the zone privatelink.table.core.windows.net.')
  table: string?

  @description('Resource id of the zone privatelink.vaultcore.azure.net.')
  vault: string?

  @description('Resource id of the zone privatelink.azurewebsites.net.')
  sites: string?
}

@export()
@description('Optional settings of the app. Missing ones keep the default of the deployed version (docs/settings.md).')
@sealed()
type AppSettings = {
  @description('Table of jobs; the names of other tables begin with its name.')
  @minLength(3)
  @maxLength(50)
  JOBS_TABLE: string?

  @description('Base URL of the Product Ingestion API.')
  PRODUCT_INGESTION_URL: string?

  @description('Token scope of the Product Ingestion API.')
  PRODUCT_INGESTION_SCOPE: string?

  @description('$version of job status.')
  PRODUCT_INGESTION_STATUS_VERSION: string?

  @description('$version of private-offer detail.')
  PRODUCT_INGESTION_OFFER_VERSION: string?

  @description('Base URL of the Cloud Partner Portal API.')
  CLOUD_PARTNER_PORTAL_URL: string?

  @description('Token scope of the Cloud Partner Portal API.')
  CLOUD_PARTNER_PORTAL_SCOPE: string?

  @description('api-version of the Cloud Partner Portal API.')
  CLOUD_PARTNER_PORTAL_VERSION: string?

  @description('Time limit for a whole upstream answer, in seconds.')
  @minValue(1)
  @maxValue(45)
  UPSTREAM_TIMEOUT_SECONDS: int?

  @description('Status requests in flight at once.')
  @minValue(1)
  @maxValue(256)
  POLL_CONCURRENCY: int?

  @description('Hours after which a pending job is announced as stalled.')
  @minValue(1)
  @maxValue(8760)
  JOB_STALLED_AFTER_HOURS: int?

  @description('Days after which a pending job ends as expired.')
  @minValue(1)
  @maxValue(3650)
  JOB_EXPIRES_AFTER_DAYS: int?

  @description('Consecutive 404s after which a job ends as lost.')
  @minValue(1)
  @maxValue(1000)
  JOB_LOST_AFTER_NOT_FOUND: int?

  @description('Days after which a finished job is removed; 0 keeps it.')
  @minValue(0)
  @maxValue(36500)
  JOB_HISTORY_DAYS: int?

  @description('Days after which a delivered or dead delivery is removed; 0 keeps it.')
  @minValue(0)
  @maxValue(36500)
  DELIVERY_HISTORY_DAYS: int?

  @description('Base of the links to the dashboard in chat messages; the default is the app\'s own address.')
  PUBLIC_URL: string?

  @description('Whether the account\'s private offers are followed.')
  WATCH_PRIVATE_OFFERS: bool?

  @description('CPP offers whose publishing status is followed: publisher/offer, separated by commas, at most 50.')
  WATCH_CPP_OFFERS: string?

  @description('Days before acceptBy on which an offer is announced as expiring, separated by commas; empty for no notices.')
  WATCH_EXPIRING_DAYS: string?

  @description('Days before its end on which an offer is announced as ending, separated by commas; empty for no notices.')
  WATCH_ENDING_DAYS: string?
}
