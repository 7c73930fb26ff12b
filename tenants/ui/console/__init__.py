"""The pages of an environment, below `/t/<tenant>/e/<environment>/` (docs/adr/0015-browser-ui.md)."""
