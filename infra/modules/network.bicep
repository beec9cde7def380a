// Optional: a virtual network for the app's outgoing traffic and for private endpoints. With a fixed outgoing address, a NAT
// gateway gives the traffic one public address, which receivers can allow.

import { Tags } from '../types.bicep'

@description('Name of the virtual network.')
@minLength(2)
@maxLength(64)
param name string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags Tags

@description('Name of the subnet that the app joins.')
@minLength(1)
@maxLength(80)
param appSubnetName string

@description('Name of the subnet of the private endpoints.')
@minLength(1)
@maxLength(80)
param endpointSubnetName string

@description('Address range of the network: /23 or larger, so that both subnets fit.')
@minLength(9)
@maxLength(18)
param addressPrefix string

@description('Whether outgoing traffic leaves from one fixed address.')
param fixedOutgoingAddress bool

@description('Name of the public address.')
@minLength(1)
@maxLength(80)
param publicAddressName string

// A /24 for the app, with room for all its instances, and the first /28 after it for the private endpoints.
var appSubnetPrefix = cidrSubnet(addressPrefix, 24, 0)
var endpointSubnetPrefix = cidrSubnet(addressPrefix, 28, 16)

resource appSecurityGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-${name}-app'
  location: location
  tags: tags
  properties: {
    // Azure's default rules let nothing in from outside. Your own rules for outgoing traffic belong here.
    securityRules: []
  }
}

resource endpointSecurityGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-${name}-endpoints'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'allow-https-from-network'
        properties: {
          description: 'The app reaches storage and the vault; callers inside the network, and in peered ones, reach the app.'
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: endpointSubnetPrefix
          destinationPortRange: '443'
        }
      }
      {
        name: 'deny-all-inbound'
        properties: {
          description: 'Nobody else can reach the endpoints.'
          priority: 4096
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource publicAddress 'Microsoft.Network/publicIPAddresses@2025-05-01' = if (fixedOutgoingAddress) {
  name: publicAddressName
  location: location
  tags: tags
  sku: {
    name: 'Standard'
    tier: 'Regional'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
    publicIPAddressVersion: 'IPv4'
  }
}

resource gateway 'Microsoft.Network/natGateways@2025-05-01' = if (fixedOutgoingAddress) {
  name: 'ng-${name}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    idleTimeoutInMinutes: 4
    publicIpAddresses: [
      {
        id: publicAddress.id
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    // Inside the network, not as separate resources, which a second deployment would try to remove first.
    subnets: [
      {
        name: appSubnetName
        properties: {
          addressPrefix: appSubnetPrefix
          networkSecurityGroup: {
            id: appSecurityGroup.id
          }
          natGateway: fixedOutgoingAddress ? {
                id: gateway.id
              } : null
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: endpointSubnetName
        properties: {
          addressPrefix: endpointSubnetPrefix
          networkSecurityGroup: {
            id: endpointSecurityGroup.id
          }
          privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
        }
      }
    ]
  }
}
