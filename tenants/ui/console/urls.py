"""Addresses below `/t/<tenant>/e/<environment>/`."""

from __future__ import annotations

from django.urls import path, register_converter

from tenants.ui import audit
from tenants.ui.console import (
    clients,
    comparing,
    connect,
    declaring,
    discovering,
    editing,
    entities,
    entity,
    exports,
    firing,
    jobs,
    modelling,
    models,
    overview,
    provider_sign_in,
    providers,
    provisioning,
    searches,
    secret,
    settings,
    trusted_keys,
    views,
)
from tenants.ui.console.segments import NameConverter
from tenants.ui.console.workflows.urls import paths as workflow_paths
from tenants.ui.shell import sample

app_name = "console"

register_converter(NameConverter, "name")

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("connect", connect.connect, name="connect"),
    path("sample", sample.load, name="sample"),
    path("settings", settings.settings, name="settings"),
    path("models/", models.model_list, name="models"),
    path("models/new", discovering.new_model, name="model_new"),
    path("models/<name:model>/<int:version>/act", modelling.act, name="model_act"),
    path("models/<name:model>/<int:version>/check", discovering.check, name="model_check"),
    path("models/<name:model>/<int:version>/keys/change", declaring.keys, name="model_keys"),
    path("models/<name:model>/<int:version>/indexes/change", declaring.indexes, name="model_indexes"),
    path("models/<name:model>/<int:version>/", models.model, name="model"),
    path("models/<name:model>/<int:version>/<slug:tab>", models.model, name="model_tab"),
    path("entities/<name:model>/<int:version>/", entities.entity_list, name="entities"),
    path("entities/<name:model>/<int:version>/views", views.view_list, name="entity_views"),
    path("entities/<name:model>/<int:version>/views/<uuid:view_id>", views.view_act, name="view_act"),
    path("entities/<name:model>/<int:version>/search", searches.search_start, name="search_start"),
    path("entities/<name:model>/<int:version>/export", exports.export_start, name="export_start"),
    path("searches/", searches.search_list, name="searches"),
    path("searches/<uuid:job_id>/", searches.search, name="search"),
    path("searches/<uuid:job_id>/act", searches.search_act, name="search_act"),
    path("exports/<uuid:export_id>/", exports.export, name="export"),
    path("exports/<uuid:export_id>/cancel", exports.export_cancel, name="export_cancel"),
    path("exports/<uuid:export_id>/file", exports.export_file, name="export_file"),
    path("jobs/", jobs.job_list, name="jobs"),
    path("entities/<uuid:entity_id>/", entity.entity, name="entity"),
    path("entities/<name:model>/<int:version>/new", editing.new, name="entity_new"),
    path("entities/<uuid:entity_id>/edit", editing.edit, name="entity_edit"),
    path("entities/<uuid:entity_id>/compare", comparing.compare, name="compare"),
    path("entities/<uuid:entity_id>/transition", firing.fire, name="fire"),
    path("entities/<uuid:entity_id>/delete", firing.delete, name="entity_delete"),
    path("entities/<uuid:entity_id>/download", entity.download, name="entity_download"),
    path("entities/<uuid:entity_id>/value", entity.value, name="entity_value"),
    path("entities/<uuid:entity_id>/<slug:tab>", entity.entity, name="entity_tab"),
    *workflow_paths(),
    path("clients/", clients.client_list, name="clients"),
    path("clients/new", clients.new_client, name="client_new"),
    path("clients/<str:client_id>/secret", clients.new_secret, name="client_secret"),
    path("clients/<str:client_id>/env", secret.env_file, name="client_env"),
    path("clients/<str:client_id>/delete", clients.delete, name="client_delete"),
    path("providers/", providers.provider_list, name="providers"),
    path("providers/new", providers.new_provider, name="provider_new"),
    path("providers/reload", providers.reload, name="provider_reload"),
    path("providers/sign-in", provider_sign_in.sign_in, name="provider_sign_in"),
    path("providers/signed-in", provider_sign_in.signed_in, name="provider_signed_in"),
    path("providers/<uuid:provider_id>/", providers.provider, name="provider"),
    path("providers/<uuid:provider_id>/invalidate", providers.invalidate, name="provider_invalidate"),
    path("providers/<uuid:provider_id>/reactivate", providers.reactivate, name="provider_reactivate"),
    path("providers/<uuid:provider_id>/delete", providers.delete, name="provider_delete"),
    path("trusted-keys/", trusted_keys.key_list, name="trusted_keys"),
    path("trusted-keys/new", trusted_keys.new_key, name="trusted_key_new"),
    path("trusted-keys/<name:key_id>/invalidate", trusted_keys.invalidate, name="trusted_key_invalidate"),
    path("trusted-keys/<name:key_id>/reactivate", trusted_keys.reactivate, name="trusted_key_reactivate"),
    path("trusted-keys/<name:key_id>/delete", trusted_keys.delete, name="trusted_key_delete"),
    path("audit/", audit.of_environment, name="audit"),
    path("audit/export.<slug:form>", audit.export_of_environment, name="audit_export"),
    path("provisioning", provisioning.provisioning, name="provisioning"),
    path("provisioning/act", provisioning.act, name="provisioning_act"),
    path("delete", provisioning.delete, name="delete"),
]
