"""What an operator can do to a row: said beforehand, confirmed on a page, done by a service that audits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django import forms
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from tenants.models import Environment
from tenants.services.audit import Doer

Row = Any
"""A model instance, or None where an operation makes one."""


class ConfirmForm(forms.Form):
    """Asks for a reason, and for a text to be typed where a slip would be costly. Others add their fields to it."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the audit log.",
    )
    typed = forms.CharField(widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}))

    def __init__(self, data: Any = None, *, row: Row, expected: str) -> None:
        super().__init__(data)
        self.row = row
        self._expected = expected
        if expected:
            self.fields["typed"].label = f"Type {expected} to confirm"
        else:
            del self.fields["typed"]
        self.order_fields([name for name in self.fields if name not in {"reason", "typed"}])

    def clean_typed(self) -> str:
        if self.cleaned_data["typed"] != self._expected:
            raise forms.ValidationError(f"This is not {self._expected}.")
        return self._expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done. `secrets` are shown on the answer itself and nowhere else; `goto` is the row, or the address, to
    go on with: the list without one."""

    message: str
    goto: Row | str = None
    secrets: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A service's refusal, as a sentence for the operator."""


def always(_: Row) -> bool:
    return True


def nothing_typed(_: Row) -> str:
    return ""


def typed_in_production(environment: Environment) -> str:
    """Production environments are named by whoever would remove something from them."""
    return environment.name if environment.kind == Environment.Kind.PRODUCTION else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`name` is part of the page's address, `explain` says what will happen, `perform` is given what the form holds.

    `permission` is Django's kind ("add", "change", "delete"); `is_possible` hides what the row's state rules out.
    `perform` raises Refused or a CyodaError. `confirm` is on the button that does it, where the title does not fit.
    """

    name: str
    title: str
    icon: str
    explain: Callable[[Row], Sequence[str]]
    perform: Callable[[Doer, Row, Mapping[str, Any]], Outcome]
    form: type[ConfirmForm] = ConfirmForm
    permission: str = "change"
    is_possible: Callable[[Row], bool] = always
    expected: Callable[[Row], str] = nothing_typed
    makes_row: bool = False
    variant: ActionVariant = ActionVariant.DEFAULT
    confirm: str = ""

    @property
    def button(self) -> str:
        return self.confirm or self.title

    @property
    def attribute(self) -> str:
        """Under which name an admin keeps the page."""
        return f"operation_{self.name.replace('-', '_')}"


creation = partial(Operation, icon="add", permission="add", makes_row=True, variant=ActionVariant.PRIMARY)
edition = partial(Operation, name="edit", title="Edit", confirm="Save", icon="edit")
deletion = partial(
    Operation, name="delete", title="Delete", icon="delete", permission="delete", variant=ActionVariant.DANGER
)
invalidation = partial(Operation, name="invalidate", title="Invalidate", icon="block", variant=ActionVariant.DANGER)
reactivation = partial(Operation, name="reactivate", title="Reactivate", icon="check_circle")
"""What most kinds of rows have, named and shown alike everywhere."""
