"""Addresses of the pages about workflows, below those of their environment."""

from __future__ import annotations

from django.urls import URLPattern, path

from tenants.ui.console.workflows import drafting, exchange, listing, parts, publishing, simulating, versions

MODEL = "workflows/<name:model>/<int:version>/"
ONE = MODEL + "<name:workflow>/"
DRAFT = "workflows/drafts/<uuid:draft>/"


def paths() -> list[URLPattern]:
    """Made when they are asked for: the converter of names is registered by then."""
    return [
        path("workflows/", listing.workflow_list, name="workflows"),
        path("workflows/new", drafting.new, name="draft_new"),
        path("workflows/export", exchange.export, name="workflow_export"),
        path(DRAFT, drafting.draft, name="draft"),
        path(DRAFT + "act", drafting.act, name="draft_act"),
        path(DRAFT + "json", drafting.as_json, name="draft_json"),
        path(DRAFT + "check", drafting.check_text, name="draft_check"),
        path(DRAFT + "steps", drafting.steps, name="draft_steps"),
        path(DRAFT + "part", parts.part, name="draft_part"),
        path(DRAFT + "criterion", parts.criterion, name="draft_criterion"),
        path(DRAFT + "publish", publishing.publish, name="draft_publish"),
        path(MODEL + "import", exchange.import_workflows, name="workflow_import"),
        path(MODEL + "simulate", simulating.simulate, name="workflow_simulate"),
        path(MODEL + "versions", versions.version_list, name="workflow_versions"),
        path(MODEL + "versions/<int:number>/restore", versions.restore, name="workflow_restore"),
        path(ONE + "draft", drafting.begin, name="draft_begin"),
        path(ONE + "switch", listing.switch, name="workflow_switch"),
        path(ONE + "delete", listing.delete, name="workflow_delete"),
        path(ONE, listing.workflow, name="workflow"),
        path(ONE + "<slug:tab>", listing.workflow, name="workflow_tab"),
    ]
