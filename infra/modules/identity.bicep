// The app's only identity: it reads and writes storage, sends telemetry, reads the vault's secrets, and, with the federated
// credential, is trusted by the Entra application that Partner Center knows.

import { Tags } from '../types.bicep'

@description('Name of the user-assigned managed identity.')
@minLength(3)
@maxLength(128)
param name string

@description('Azure region.')
param location string

@description('Tags of the resource.')
param tags Tags

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Client id of the identity: an identifier, not a secret.')
output clientId string = identity.properties.clientId

@description('Object id of the identity: the subject of the federated credential.')
output principalId string = identity.properties.principalId
