"""A faithful simulator of Entra's token endpoint, Product Ingestion and the Cloud Partner Portal API."""
