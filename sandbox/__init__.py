"""A simulator of Entra's token endpoint, Microsoft's Product Ingestion API and the Cloud Partner Portal API."""
