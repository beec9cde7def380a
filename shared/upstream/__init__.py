"""Clients of Microsoft's two APIs, Product Ingestion and Cloud Partner Portal, and of Entra for tokens."""
