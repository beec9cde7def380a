// Optional: Entra sign-in in front of the HTTP functions (App Service authentication).
// A caller then needs both a token for the application named here and the function key.

@description('Name of the function app.')
param functionAppName string

@description('Client id of the Entra application whose tokens are accepted.')
param clientId string

@description('Client ids of the applications that may call; empty allows every application of the tenant with a token.')
param allowedClientIds string[]

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource signIn 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      // The anonymous pages contain no data: health says ok or degraded, the others are the API's description and a page that asks
      // for a key. Everything else needs a token, including /api/calendar.ics (docs/deployment.md).
      excludedPaths: [
        '/api/health'
        '/api/openapi.json'
        '/api/docs'
        '/api/docs/*'
        '/api/dashboard'
        '/api/dashboard/*'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            clientId
            'api://${clientId}'
          ]
          defaultAuthorizationPolicy: empty(allowedClientIds) ? {} : {
                allowedApplications: allowedClientIds
              }
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}
