"""How an environment is made, or removed: its run's steps, and what can be done about them."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cyoda.permissions import Action
from tenants.models import Provisioning
from tenants.services.environments import EnvironmentNotCancellable, EnvironmentUnknown, cancel_called, delete_called
from tenants.services.provisioning import RunNotRetryable, retry_run
from tenants.tasks import wake
from tenants.ui.console.confirming import TypedForm
from tenants.ui.console.place import Place, in_environment, show, show_form


class DeleteForm(TypedForm):
    """Why, and the environment's name typed."""

    reason = forms.CharField(label=lazy("Reason"), max_length=500, help_text=lazy("Kept in the audit log."))


@in_environment(open_only=False)
@require_safe
def provisioning(request: HttpRequest, place: Place) -> HttpResponse:
    """The last run with its steps; the page stays current until the run has ended."""
    runs = Provisioning.objects.filter(environment=place.environment).prefetch_related("steps")
    run = runs.order_by("-created_at").first()
    return show(request, place, "console/provisioning.html", run=run, is_under_way=_is_under_way(run))


@in_environment(Action.MANAGE_ENVIRONMENTS, open_only=False)
@require_POST
def act(request: HttpRequest, place: Place) -> HttpResponse:
    """Cancel the making of the environment, or try it again."""
    try:
        if "cancel" in request.POST:
            cancel_called(place.doer(), place.organisation, place.environment.name, wake=wake)
            messages.success(request, _("It is cancelled; what was made is removed again."))
        elif "retry" in request.POST and place.environment.build is not None:
            retry_run(place.doer(), place.environment.build, wake=wake)
    except EnvironmentNotCancellable:
        messages.error(request, _("It is not being made any more."))
    except RunNotRetryable:
        messages.error(request, _("This run cannot be repeated: order the environment anew."))
    return HttpResponseRedirect(place.url("provisioning"))


@in_environment(Action.MANAGE_ENVIRONMENTS, open_only=False)
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, place: Place) -> HttpResponse:
    """Remove the environment with all it has, once its name was typed."""
    form = DeleteForm(request.POST or None, name=place.environment.name)
    if form.is_valid():
        doer = place.doer(form.cleaned_data["reason"])
        try:
            delete_called(doer, place.organisation, place.environment.name, wake=wake)
        except EnvironmentUnknown:
            messages.info(request, _("It was removed already."))
        return HttpResponseRedirect(place.url("provisioning"))
    return show_form(
        request,
        place,
        form,
        title=_("Delete %(name)s") % {"name": place.environment.name},
        button=_("Delete it"),
        back=place.url("provisioning"),
        intro=_(
            "The environment is closed at once. All its entities with their history, its models, workflows, messages "
            "and clients are removed. Nothing brings them back but a backup."
        ),
        is_dangerous=True,
    )


def _is_under_way(run: Provisioning | None) -> bool:
    return run is not None and run.finished_at is None
