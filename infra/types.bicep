// Types that the template and its modules share.

@export()
@description('Tags put on every resource.')
type Tags = {
  @description('A tag: its name, and its value.')
  *: string
}

@export()
@description('How the app proves itself to Microsoft Entra as the application that Partner Center knows.')
type PartnerCenterCredential = 'federated' | 'secret' | 'certificate'

@export()
@description('Whether the platform asks HTTP callers for a TLS client certificate.')
type ClientCertificateMode = 'Off' | 'Optional' | 'Required'

@export()
@description('Optional settings of the app. One that is left out keeps the default of the deployed version (docs/settings.md).')
@sealed()
type AppSettings = {
  @description('Table that holds the jobs; other tables share its name as prefix.')
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

  @description('Read timeout of one upstream request, in seconds.')
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

  @description('Answers 404 in a row after which a job ends as lost.')
  @minValue(1)
  @maxValue(1000)
  JOB_LOST_AFTER_NOT_FOUND: int?
}
