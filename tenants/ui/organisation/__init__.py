"""The pages of an organisation, below `/t/<tenant>/` (docs/adr/0015-browser-ui.md)."""
