"""Running applications: `manage.py applications` compares rows with processes (docs/help/applications.md)."""
