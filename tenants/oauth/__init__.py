"""Command lines sign in: OAuth 2.0 for public clients, on django-oauth-toolkit (contract: control plane 4.7)."""
