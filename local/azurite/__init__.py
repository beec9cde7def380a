"""Azurite, Microsoft's storage emulator, as a child process with nothing on disk."""

from local.azurite.process import AzuritePorts, AzuriteProcess

__all__ = ["AzuritePorts", "AzuriteProcess"]
