"""Entity models and workflows of an environment, through the data plane's own use cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from cyoda.errors import CyodaError
from tenants.admin.access import may_act, may_look
from tenants.admin.operation import ConfirmForm, Operation, Outcome, Refused, typed_in_production
from tenants.models import Environment
from tenants.services.audit import Doer
from tenants.services.data_plane import ChangedMeanwhile, ModelDetail, ModelOf, configured_data_plane, digest

if TYPE_CHECKING:
    from tenants.admin.base import OperatorAdmin

CHANGE = "tenants.change_environment"
LEVELS = ("ARRAY_LENGTH", "ARRAY_ELEMENTS", "TYPE", "STRUCTURAL")
MODES = (
    ("REPLACE", "Replace: the workflows below are all that the model has"),
    ("MERGE", "Merge: workflows of the same name are replaced, the others stay"),
    ("ACTIVATE", "Activate: the workflows below are merged, and all others of the model become inactive"),
)


@dataclass(frozen=True)
class ModelPage:
    """A model as the operations below are given it."""

    model: ModelOf
    detail: ModelDetail

    def __str__(self) -> str:
        return f"{self.model.name} {self.model.version} of {self.model.environment}"

    @property
    def url(self) -> str:
        return model_url(self.model.environment, self.model.name, self.model.version)


class WorkflowForm(ConfirmForm):
    """The workflows as JSON, begun with those that the model has."""

    document = forms.CharField(
        label="Workflows",
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 28, "spellcheck": "false", "style": "font-family: monospace"}),
        help_text="A JSON array, as in the API's import. Saving validates it with the same rules and messages.",
    )
    mode = forms.ChoiceField(choices=MODES, widget=UnfoldAdminSelectWidget)
    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, row: ModelPage, expected: str) -> None:
        super().__init__(data, row=row, expected=expected)
        self.fields["document"].initial = row.detail.workflows
        self.fields["seen"].initial = digest(row.detail.workflows)


class LevelForm(ConfirmForm):
    level = forms.ChoiceField(choices=[(level, level) for level in LEVELS], widget=UnfoldAdminSelectWidget)

    def __init__(self, data: Any = None, *, row: ModelPage, expected: str) -> None:
        super().__init__(data, row=row, expected=expected)
        self.fields["level"].initial = row.detail.summary.change_level


def _save(doer: Doer, page: ModelPage, values: Mapping[str, Any]) -> Outcome:
    try:
        page.model.import_workflows(doer, values["document"], values["mode"], seen=values["seen"])
    except ChangedMeanwhile:
        raise Refused("Somebody else changed the workflows meanwhile: copy your text and open the page anew.") from None
    return Outcome(message="The workflows are saved and in force.", goto=page.url)


def _lock(doer: Doer, page: ModelPage, _: Mapping[str, Any]) -> Outcome:
    page.model.lock(doer)
    return Outcome(message="The model is locked.", goto=page.url)


def _unlock(doer: Doer, page: ModelPage, _: Mapping[str, Any]) -> Outcome:
    page.model.unlock(doer)
    return Outcome(message="The model is unlocked.", goto=page.url)


def _set_level(doer: Doer, page: ModelPage, values: Mapping[str, Any]) -> Outcome:
    page.model.set_change_level(doer, values["level"])
    return Outcome(message=f"The change level is {values['level']}.", goto=page.url)


def _typed(page: ModelPage) -> str:
    return typed_in_production(page.model.environment)


OPERATIONS = (
    Operation(
        name="workflows",
        title="Edit workflows",
        confirm="Save",
        icon="account_tree",
        form=WorkflowForm,
        explain=lambda page: (
            f"{page.detail.summary.entities} entities live under these workflows; each goes on from its state.",
            "What is valid is in force on this node at once and on all others with their next commit.",
        ),
        perform=_save,
        expected=_typed,
    ),
    Operation(
        name="lock",
        title="Lock",
        icon="lock",
        explain=lambda page: ("Entities can be created; samples change the model no more.",),
        perform=_lock,
        is_possible=lambda page: page.detail.summary.state == "UNLOCKED",
    ),
    Operation(
        name="unlock",
        title="Unlock",
        icon="lock_open",
        explain=lambda page: (
            "Samples widen the model again, and no entity can be created until it is locked.",
            "A model that has entities cannot be unlocked.",
        ),
        perform=_unlock,
        is_possible=lambda page: page.detail.summary.state == "LOCKED",
        expected=_typed,
    ),
    Operation(
        name="level",
        title="Change level",
        confirm="Save",
        icon="tune",
        form=LevelForm,
        explain=lambda page: ("From now on written entities may widen the schema as far as the level says.",),
        perform=_set_level,
        expected=_typed,
    ),
)


def models_url(environment: Environment) -> str:
    return reverse("admin:tenants_environment_models", args=[quote(environment.pk)])


def model_url(environment: Environment, name: str, version: int, operation: str = "") -> str:
    arguments = [quote(environment.pk), version, name]
    return reverse(f"admin:tenants_environment_model{operation and '_' + operation}", args=arguments)


def model_urls(environments: OperatorAdmin) -> list[URLPattern]:
    """The pages under an environment's; the version comes first because a name may hold anything."""

    def page(route: str, name: str, view: Callable[..., HttpResponse]) -> URLPattern:
        def guarded(request: HttpRequest, object_id: str, **arguments: Any) -> HttpResponse:
            if not may_look(request.user):
                raise PermissionDenied
            environment = environments.get_object(request, unquote(object_id))
            if environment is None:
                return environments.gone(request, object_id)
            return _or_back(request, lambda: view(environments, request, environment, **arguments), object_id)

        wrapped = environments.admin_site.admin_view(update_wrapper(guarded, view))
        return path(f"<path:object_id>/{route}", wrapped, name=f"tenants_environment_{name}")

    return [
        page("models/", "models", _list_page),
        page("models/<int:version>/<path:name>/", "model", _model_page),
        *(
            page(f"models-{one.name}/<int:version>/<path:name>/", f"model_{one.name}", _operating(one))
            for one in OPERATIONS
        ),
    ]


def _or_back(request: HttpRequest, view: Callable[[], HttpResponse], object_id: str) -> HttpResponse:
    """What the data plane refuses is said on the environment's page."""
    try:
        return view()
    except CyodaError as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(reverse("admin:tenants_environment_change", args=[object_id]))


def _list_page(environments: OperatorAdmin, request: HttpRequest, environment: Environment) -> HttpResponse:
    found = configured_data_plane().models(environment.tenant_id)
    rows = [(model, model_url(environment, model.name, model.version)) for model in found]
    return environments.page(request, "back_office/models.html", "Entity models", environment, rows=rows)


def _model_page(
    environments: OperatorAdmin, request: HttpRequest, environment: Environment, version: int, name: str
) -> HttpResponse:
    page = _page(environment, name, version)
    links = [
        (operation, model_url(environment, name, version, operation.name))
        for operation in OPERATIONS
        if may_act(request.user, CHANGE) and operation.is_possible(page)
    ]
    context = {"detail": page.detail, "links": links, "back": models_url(environment)}
    return environments.page(request, "back_office/model.html", f"{name} {version}", environment, **context)


def _operating(operation: Operation) -> Callable[..., HttpResponse]:
    def view(
        environments: OperatorAdmin, request: HttpRequest, environment: Environment, version: int, name: str
    ) -> HttpResponse:
        if not may_act(request.user, CHANGE):
            raise PermissionDenied
        page = _page(environment, name, version)
        return environments.answer(request, operation, page, back=page.url)

    return view


def _page(environment: Environment, name: str, version: int) -> ModelPage:
    """Raises ModelNotFound."""
    model = ModelOf(environment, name, version, configured_data_plane())
    return ModelPage(model, model.detail())
