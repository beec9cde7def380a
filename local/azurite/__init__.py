"""Azurite, Microsoft's storage emulator, as a child process with its data in memory or in a folder."""

from local.azurite.process import AzuritePorts, AzuriteProcess

__all__ = ["AzuritePorts", "AzuriteProcess"]
