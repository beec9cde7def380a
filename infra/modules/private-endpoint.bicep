// Optional: a private endpoint, and the DNS zone that resolves its target's public name to it.

import { Tags } from '../types.bicep'

@description('Name of the private endpoint.')
@minLength(2)
@maxLength(80)
param name string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags Tags

@description('Resource id of the endpoint\'s target.')
param targetId string

@description('Part of the target: blob, table, vault or sites.')
param groupId string

@description('Resource id of the endpoint\'s subnet.')
param subnetId string

@description('Resource id of the virtual network that uses the zone.')
param networkId string

@description('Name of the private DNS zone.')
@minLength(1)
@maxLength(63)
param zoneName string

@description('Resource id of an existing zone that is linked to the network; empty creates one.')
param existingZoneId string

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = if (empty(existingZoneId)) {
  name: zoneName
  location: 'global'
  tags: tags
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = if (empty(existingZoneId)) {
  parent: zone
  name: 'link-${groupId}'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: networkId
    }
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: targetId
          groupIds: [
            groupId
          ]
        }
      }
    ]
  }
}

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: groupId
        properties: {
          privateDnsZoneId: empty(existingZoneId) ? zone.id : existingZoneId
        }
      }
    ]
  }
}
