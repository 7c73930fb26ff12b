"""The installation's signing keys: their states, and what operators do with them (contract: identity 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_safe

from cyoda.conf import Conf
from tenants.admin.access import may_act
from tenants.identity.keys import generate_private_key, load_key_pair
from tenants.identity.validity import new_window
from tenants.models import Audience, SigningKey
from tenants.services import keypairs
from tenants.services.identity import cipher_of
from tenants.services.key_states import KeyState, KeyView, key_views
from tenants.ui.platform.access import for_operators, operator, show, show_form

TYPED_CHARACTERS = 8
GRACES = (
    (0, lazy("no longer")),
    (3600, lazy("for an hour")),
    (24 * 3600, lazy("for a day")),
    (7 * 24 * 3600, lazy("for a week")),
)
Column = tuple[KeyState, Promise, Promise]
COLUMNS: tuple[Column, ...] = (
    (KeyState.STANDBY, lazy("Standby"), lazy("accepted and published; signs when the current one goes")),
    (KeyState.CURRENT, lazy("Current"), lazy("signs new tokens")),
    (KeyState.GRACE, lazy("Grace"), lazy("refused here, still published for others")),
    (KeyState.REVOKED, lazy("Revoked"), lazy("refused, and published no more")),
)
_AUDIENCES = ((Audience.CLIENT, lazy("Tokens of programs")), (Audience.HUMAN, lazy("Tokens of people")))
_DATE = forms.DateInput({"type": "date"})


class ReasonForm(forms.Form):
    """Asks why, last."""

    reason = forms.CharField(label=lazy("Reason"), max_length=500, help_text=lazy("Kept in the audit log."))

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.order_fields([name for name in self.fields if name != "reason"])


class IssueForm(ReasonForm):
    audience = forms.ChoiceField(label=lazy("It signs"), choices=_AUDIENCES)
    last_day = forms.DateField(
        label=lazy("Last day"), required=False, widget=_DATE, help_text=lazy("UTC. Empty: as the settings say.")
    )
    replaces = forms.BooleanField(
        label=lazy("Refuse what the present keys of this kind have signed"),
        required=False,
        help_text=lazy("After a leak. Without it, present tokens live until they expire."),
    )
    grace = forms.TypedChoiceField(
        label=lazy("The replaced keys stay published for others"), choices=GRACES, coerce=int, initial=0
    )


class TypedForm(ReasonForm):
    """Asks for the beginning of the key's id."""

    typed = forms.CharField(label=lazy("Key id"), widget=forms.TextInput({"autocomplete": "off"}))

    def __init__(self, data: Any, *, key: SigningKey) -> None:
        super().__init__(data)
        self._beginning = key.kid[:TYPED_CHARACTERS]
        self.fields["typed"].help_text = _("Type its beginning: %(kid)s") % {"kid": self._beginning}

    def clean_typed(self) -> str:
        if self.cleaned_data["typed"] != self._beginning:
            raise forms.ValidationError(_("This is not %(kid)s.") % {"kid": self._beginning})
        return self._beginning


class InvalidationForm(TypedForm):
    grace = forms.TypedChoiceField(label=lazy("It stays published for others"), choices=GRACES, coerce=int, initial=0)


class RenewalForm(ReasonForm):
    last_day = forms.DateField(label=lazy("Last day"), widget=_DATE, help_text=lazy("UTC"))

    def clean_last_day(self) -> date:
        if self.cleaned_data["last_day"] < timezone.now().date():
            raise forms.ValidationError(_("This day is over."))
        return self.cleaned_data["last_day"]


@for_operators()
@require_safe
def key_list(request: HttpRequest) -> HttpResponse:
    conf: Conf = settings.CONF
    if conf.iam.mode != "jwt":
        return show(request, "platform/keys.html", is_off=True)
    views = key_views(cipher_of(conf), _configured_kid(conf), timezone.now())
    strips = [(audience, label, _columns(views, audience)) for audience, label in _AUDIENCES]
    others = [view for view in views if view.state in (KeyState.EXPIRED, KeyState.ABSENT)]
    return show(
        request, "platform/keys.html", strips=strips, others=others, issuer=conf.jwt.issuer,
        jwks_url=request.build_absolute_uri(f"{conf.http.context_path}/.well-known/jwks.json"),
        **{f"may_{act}": may_act(request.user, f"tenants.{act}_signingkey") for act in ("add", "change", "delete")},
    )  # fmt: skip


@for_operators("tenants.add_signingkey")
@require_http_methods(["GET", "POST"])
def issue(request: HttpRequest) -> HttpResponse:
    conf: Conf = settings.CONF
    if conf.iam.mode != "jwt":
        raise Http404
    form = IssueForm(request.POST or None)
    if not form.is_valid():
        intro = _("A new RSA key signs from the next token on. Its private half is stored encrypted.")
        return show_form(request, form, title=_("New signing key"), button=_("Issue it"), back=_keys(), intro=intro)
    now, values = timezone.now(), form.cleaned_data
    default = timedelta(days=conf.iam.keypair_default_validity_days)
    order = keypairs.KeyPairOrder(
        audience=values["audience"],
        window=new_window(None, _end_of(values["last_day"]), now=now, default=default),
        invalidate_current=values["replaces"],
        grace=timedelta(seconds=values["grace"]),
    )
    doer = operator(request, values["reason"])
    row = keypairs.issue_key_pair(doer, order, generate_private_key(), cipher=cipher_of(conf))
    messages.success(request, _("The key %(kid)s is issued.") % {"kid": row.kid})
    return HttpResponseRedirect(_keys())


@for_operators("tenants.change_signingkey")
@require_http_methods(["GET", "POST"])
def invalidate(request: HttpRequest, kid: str) -> HttpResponse:
    key = _key(kid)
    form = InvalidationForm(request.POST or None, key=key)
    if form.is_valid():
        grace = timedelta(seconds=form.cleaned_data["grace"])
        keypairs.invalidate_key_pair(operator(request, form.cleaned_data["reason"]), kid, grace)
        messages.success(request, _("The key is invalid: its tokens are refused."))
        return HttpResponseRedirect(_keys())
    intro = _(
        "Every token that this key signed is refused on every node within a second, whoever holds it. Callers fetch "
        "new ones, signed with the newest other key of its kind; without one nobody gets a token."
    )
    return show_form(
        request, form, title=_("Refuse the tokens of a key"), button=_("Refuse them"), back=_keys(), intro=intro,
        is_dangerous=True,
    )  # fmt: skip


@for_operators("tenants.change_signingkey")
@require_http_methods(["GET", "POST"])
def reactivate(request: HttpRequest, kid: str) -> HttpResponse:
    _key(kid)
    form = RenewalForm(request.POST or None)
    if form.is_valid():
        end, doer = _end_of(form.cleaned_data["last_day"]), operator(request, form.cleaned_data["reason"])
        assert end is not None
        keypairs.reactivate_key_pair(doer, kid, timezone.now(), end)
        messages.success(request, _("The key is in use again."))
        return HttpResponseRedirect(_keys())
    intro = _("Its tokens are accepted again within a second, and it becomes the newest: it signs from now on.")
    return show_form(
        request, form, title=_("Take a key back into use"), button=_("Use it again"), back=_keys(), intro=intro
    )


@for_operators("tenants.delete_signingkey")
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, kid: str) -> HttpResponse:
    key = _key(kid)
    form = TypedForm(request.POST or None, key=key)
    if form.is_valid():
        keypairs.delete_key_pair(operator(request, form.cleaned_data["reason"]), kid)
        messages.success(request, _("The key is deleted."))
        return HttpResponseRedirect(_keys())
    intro = _("Its tokens are refused within a second, and it is published no more. Nothing brings it back.")
    return show_form(
        request, form, title=_("Delete a signing key"), button=_("Delete it"), back=_keys(), intro=intro,
        is_dangerous=True,
    )  # fmt: skip


def _columns(views: Sequence[KeyView], audience: str) -> list[tuple[Column, list[KeyView]]]:
    of_audience = [view for view in views if view.key.audience == audience]
    return [(column, [view for view in of_audience if view.state == column[0]]) for column in COLUMNS]


def _keys() -> str:
    return reverse("platform:keys")


def _key(kid: str) -> SigningKey:
    """Raises Http404."""
    key = SigningKey.objects.filter(pk=kid, deleted_at=None).first()
    if key is None:
        raise Http404
    return key


def _end_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day + timedelta(days=1), time(), UTC)


def _configured_kid(conf: Conf) -> str | None:
    return None if conf.jwt.signing_key is None else load_key_pair(conf.jwt.signing_key).kid
