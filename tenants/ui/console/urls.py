"""Addresses below `/t/<tenant>/e/<environment>/`."""

from __future__ import annotations

from django.urls import path

from tenants.ui.console import entities, models, overview

app_name = "console"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("models/", models.model_list, name="models"),
    path("models/<str:model>/<int:version>/", models.model, name="model"),
    path("models/<str:model>/<int:version>/<slug:tab>", models.model, name="model_tab"),
    path("entities/<str:model>/<int:version>/", entities.entity_list, name="entities"),
    path("entities/<uuid:entity_id>/", entities.entity, name="entity"),
    path("entities/<uuid:entity_id>/transition", entities.fire, name="fire"),
    path("entities/<uuid:entity_id>/<slug:tab>", entities.entity, name="entity_tab"),
]
