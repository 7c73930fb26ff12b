"""Models discovered from samples, after a look at what would come of it; and documents tried against a model."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods

from cyoda import jsonio
from cyoda.errors import ModelAlreadyLocked
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import counted_models, one_model
from tenants.ui.console.editing import CODE
from tenants.ui.console.models import model_page, sample_of
from tenants.ui.console.place import Place, in_environment, show

KEPT = 1_000_000
"""Bytes of a file that is shown for another look; of a larger one the person chooses the file again."""
FORMATS = (("JSON", "JSON"), ("XML", "XML"))


class TextOrFile(forms.Form):
    """A document that is typed, or chosen as a file; the file comes first."""

    text = forms.CharField(strip=False, required=False, widget=forms.Textarea(CODE))
    file = forms.FileField(label=lazy("Or a file"), required=False, allow_empty_file=True)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = cleaned.get("file")
        body = chosen.read() if chosen else cleaned.get("text", "").encode()
        if not body.strip():
            self.add_error("text", _("Paste a document, or choose a file."))
        self.body: bytes = body
        return cleaned

    def with_text(self) -> bool:
        """Show a chosen file's text in its field; False where it is too large for that, or no text."""
        if not self.cleaned_data.get("file"):
            return True
        try:
            text = self.body.decode()
        except UnicodeDecodeError:
            return False
        if len(self.body) > KEPT:
            return False
        self.data = self.data.copy()
        self.data["text"] = text
        return True


class SampleForm(TextOrFile):
    name = forms.CharField(label=lazy("Name"), max_length=200, widget=forms.TextInput({"autocomplete": "off"}))
    version = forms.IntegerField(label=lazy("Version"), min_value=-(2**31), max_value=2**31 - 1, initial=1)
    format = forms.ChoiceField(label=lazy("Format"), choices=FORMATS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, field_order=["name", "version", "format", "text", "file"], **kwargs)
        self.fields["text"].label = _("Sample")
        self.fields["text"].help_text = _(
            "A document as your program would store it. Fields and types are discovered from it; "
            "further samples widen them."
        )


@in_environment(Action.CONFIGURE)
@require_http_methods(["GET", "POST"])
def new_model(request: HttpRequest, place: Place) -> HttpResponse:
    """A model from a sample; a sample of one that is there, and open to change, widens it. First it is only shown."""
    form = SampleForm(request.POST, request.FILES) if request.method == "POST" else _begun(request, place)
    context: dict[str, Any] = {}
    if form.is_valid():
        name, version = form.cleaned_data["name"], form.cleaned_data["version"]
        try:
            if "import" in request.POST:
                _imported(place, form)
                return HttpResponseRedirect(place.url("model", model=name, version=version))
            context["preview"] = _imported(place, form, dryRun="true")
            context["is_kept"] = form.with_text()
        except Refused as refusal:
            form.add_error("text", refusal.detail)
            form.with_text()
            if refusal.code == ModelAlreadyLocked.code:
                context["following"] = _following(place, name)
    return show(request, place, "console/model_new.html", form=form, **context)


def _imported(place: Place, form: SampleForm, **query: str) -> Any:
    given = form.cleaned_data
    target = ("model", "import", given["format"], "SAMPLE_DATA", given["name"], given["version"])
    if query:
        return place.api.question(*target, body=form.body, **query).json
    return place.api.send("POST", *target, body=form.body)


def _begun(request: HttpRequest, place: Place) -> SampleForm:
    """`?name=` and `?version=` are filled in, and `?like=` with the sample of that version."""
    initial: dict[str, object] = {key: request.GET[key] for key in ("name", "version") if key in request.GET}
    like = request.GET.get("like", "")
    if like.lstrip("-").isdecimal() and "name" in initial:
        initial["text"] = sample_of(place, one_model(place, request.GET["name"], int(like)))
    return SampleForm(initial=initial)


def _following(place: Place, name: str) -> dict[str, object]:
    """The version that would be the next one of a model."""
    versions = [model.version for model in counted_models(place) if model.name == name]
    return {"name": name, "version": max(versions) + 1, "like": max(versions)}


class CheckForm(TextOrFile):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].label = _("Document")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        try:
            jsonio.parse(self.body)
        except jsonio.InvalidJson as error:
            if not self.errors:
                self.add_error("text", _("This is no JSON: %(reason)s") % {"reason": error})
        return cleaned


@in_environment()
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """Try a document against a model; nothing is stored."""
    found = one_model(place, model, version)
    context: dict[str, Any] = {}
    if request.method == "POST":
        form = CheckForm(request.POST, request.FILES)
        if form.is_valid():
            context["result"] = place.api.question("model", "validate", model, version, body=form.body).json
            form.with_text()
    else:
        form = CheckForm(initial={"text": sample_of(place, found)})
    return model_page(request, place, found, "check", form=form, **context)
