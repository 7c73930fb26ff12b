"""The data plane as a Django application: its configuration as models for the back office."""

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Data plane"
