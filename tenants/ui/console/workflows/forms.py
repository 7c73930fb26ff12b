"""The forms of a draft's parts: a state, a transition, a processor, the workflow itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

UNITS = (
    ("1", lazy("milliseconds")),
    ("1000", lazy("seconds")),
    ("60000", lazy("minutes")),
    ("3600000", lazy("hours")),
    ("86400000", lazy("days")),
)
MODES = (
    ("SYNC", lazy("SYNC: inside the transaction; a failure undoes the whole operation")),
    ("ASYNC_SAME_TX", lazy("ASYNC_SAME_TX: as SYNC")),
    ("ASYNC_NEW_TX", lazy("ASYNC_NEW_TX: its answer is not taken over, its failure is survived")),
    ("COMMIT_BEFORE_DISPATCH", lazy("COMMIT_BEFORE_DISPATCH: what came before is saved first; for long work")),
)
RETRIES = (("", lazy("none")), ("NONE", "NONE"), ("FIXED", lazy("FIXED: three attempts, half a second apart")))
TAKEN = (
    ("manual", lazy("when somebody asks for it")),
    ("automatic", lazy("by itself, as soon as it may")),
    ("delay", lazy("after a time in the state")),
    ("function", lazy("at a time that a compute node says")),
)
MAX_MS = 2**63 - 1
Part = Mapping[str, Any]


def _text(label: Any, *, required: bool = True, help_text: Any = "", rows: int = 0) -> forms.CharField:
    widget = forms.Textarea({"rows": rows}) if rows else forms.TextInput({"autocomplete": "off"})
    return forms.CharField(label=label, required=required, strip=False, help_text=help_text, widget=widget)


def _number(label: Any, help_text: Any = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=MAX_MS, help_text=help_text)


class PartForm(forms.Form):
    """`focus` names the field that the page opens at."""

    def __init__(self, *args: Any, focus: str = "", **more: Any) -> None:
        super().__init__(*args, **more)
        if focus in self.fields:
            self.fields[focus].widget.attrs["autofocus"] = True


class StateForm(PartForm):
    name = _text(lazy("Name"), help_text=lazy("Transitions that lead here follow; entities that are in it do not."))


class NewForm(PartForm):
    """The name of a new part."""

    name = _text(lazy("Name"))


class SettingsForm(PartForm):
    name = _text(lazy("Name"), help_text=lazy("Another name makes another workflow: the one in force stays as it is."))
    desc = _text(lazy("Description"), required=False, rows=3)
    begins = forms.ChoiceField(label=lazy("Entities begin in"))
    active = forms.BooleanField(
        label=lazy("In force"),
        required=False,
        help_text=lazy("Otherwise no entity follows it."),
    )

    def __init__(self, *args: Any, states: Sequence[str], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["begins"].choices = _choices(states, more.get("initial", {}).get("begins"))  # type: ignore[attr-defined] - a choice field

    @staticmethod
    def begun(document: Part) -> dict[str, Any]:
        return {
            "name": document.get("name", ""),
            "desc": document.get("desc", ""),
            "begins": document.get("initialState", ""),
            "active": document.get("active") is not False,
        }

    @property
    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "name": given["name"],
            "desc": given["desc"] or None,
            "initialState": given["begins"],
            "active": given["active"],
        }


class TransitionForm(PartForm):
    name = _text(lazy("Name"))
    source = forms.ChoiceField(label=lazy("From"))
    next = forms.ChoiceField(label=lazy("To"))
    taken = forms.ChoiceField(label=lazy("It is taken"), choices=TAKEN)
    disabled = forms.BooleanField(label=lazy("Disabled: it is never taken"), required=False)
    delay = _number(lazy("Time in the state"), lazy("Counted from the last change of the entity."))
    unit = forms.ChoiceField(label=lazy("Unit"), choices=UNITS, required=False)
    lateness = _number(
        lazy("It may be late by"), lazy("Milliseconds; later it is dropped. Empty: however late it comes.")
    )
    function = _text(lazy("Function"), required=False, help_text=lazy("Only for a time that a compute node says."))
    function_tags = _text(lazy("Tags of the compute node"), required=False)
    function_attach = forms.BooleanField(label=lazy("Send the entity with it"), required=False)
    function_timeout = _number(lazy("Wait for its answer (milliseconds)"), lazy("Empty: 30 seconds."))
    function_context = _text(lazy("Context"), required=False)

    def __init__(self, *args: Any, states: Sequence[str], **more: Any) -> None:
        super().__init__(*args, **more)
        begun = more.get("initial", {})
        for name in ("source", "next"):
            self.fields[name].choices = _choices(states, begun.get(name))  # type: ignore[attr-defined] - choice fields

    @property
    def always(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "source", "next", "taken", "disabled")]

    @property
    def timed(self) -> list[forms.BoundField]:
        return [self[name] for name in ("delay", "unit", "lateness")]

    @property
    def asked(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("function")]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("taken") == "delay" and not given.get("delay"):
            self.add_error("delay", _("How long?"))
        return given

    @staticmethod
    def begun(transition: Part, source: str) -> dict[str, Any]:
        schedule = transition.get("schedule") or {}
        function = schedule.get("function") or {}
        delay, unit = _in_units(schedule.get("delayMs") or 0)
        kind = (
            "function" if function else "delay" if schedule else "manual" if transition.get("manual") else "automatic"
        )
        return {
            "name": transition.get("name", ""), "source": source, "next": transition.get("next", ""), "taken": kind,
            "disabled": transition.get("disabled"), "delay": delay or None, "unit": unit,
            "lateness": schedule.get("timeoutMs"), "function": function.get("name", ""),
            "function_tags": function.get("calculationNodesTags", ""),
            "function_attach": function.get("attachEntity") is not False,
            "function_timeout": function.get("responseTimeoutMs") or None,
            "function_context": function.get("context", ""),
        }  # fmt: skip

    @property
    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "name": given["name"],
            "next": given["next"],
            "manual": given["taken"] == "manual",
            "disabled": given["disabled"] or None,
            "schedule": self._schedule(),
        }

    def _schedule(self) -> dict[str, Any] | None:
        given = self.cleaned_data
        if given["taken"] == "delay":
            schedule: dict[str, Any] = {"delayMs": given["delay"] * int(given["unit"] or 1)}
            return schedule | ({} if given["lateness"] is None else {"timeoutMs": given["lateness"]})
        if given["taken"] != "function":
            return None
        function = {
            "name": given["function"],
            "resultKind": "Schedule",
            "calculationNodesTags": given["function_tags"],
            "attachEntity": given["function_attach"],
            "responseTimeoutMs": given["function_timeout"],
            "context": given["function_context"],
        }
        return {"function": {name: value for name, value in function.items() if value not in (None, "")}}


class ProcessorForm(PartForm):
    name = _text(lazy("Name"), help_text=lazy("As the compute node knows it."))
    mode = forms.ChoiceField(label=lazy("Execution mode"), choices=MODES)
    new_transaction = forms.BooleanField(
        label=lazy("With a new transaction for what it writes"),
        required=False,
        help_text=lazy("Only with COMMIT_BEFORE_DISPATCH."),
    )
    tags = _text(lazy("Tags of the compute node"), required=False, help_text=lazy("Any of them; with commas between."))
    attach = forms.BooleanField(label=lazy("Send the entity with it"), required=False)
    timeout = _number(lazy("Wait for its answer (milliseconds)"), lazy("Empty: 30 seconds."))
    retry = forms.ChoiceField(label=lazy("Attempts"), choices=RETRIES, required=False)
    context = _text(lazy("Context"), required=False, help_text=lazy("A text that is sent with each call."))
    type = _text(lazy("Type"), required=False, help_text=lazy("Usually “externalized”."))

    @staticmethod
    def begun(processor: Part) -> dict[str, Any]:
        config = processor.get("config") or {}
        return {
            "name": processor.get("name", ""),
            "mode": processor.get("executionMode") or "SYNC",
            "new_transaction": config.get("startNewTxOnDispatch"),
            "tags": config.get("calculationNodesTags", ""),
            "attach": config.get("attachEntity") is not False,
            "timeout": config.get("responseTimeoutMs") or None,
            "retry": config.get("retryPolicy", ""),
            "context": config.get("context", ""),
            "type": processor.get("type", ""),
        }

    @property
    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {"type": given["type"], "name": given["name"], "executionMode": given["mode"]}

    @property
    def config(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "attachEntity": given["attach"],
            "calculationNodesTags": given["tags"] or None,
            "responseTimeoutMs": given["timeout"] or None,
            "retryPolicy": given["retry"] or None,
            "context": given["context"] or None,
            "startNewTxOnDispatch": given["new_transaction"] or None,
        }


def _choices(states: Sequence[str], present: str | None) -> list[tuple[str, str]]:
    """A state that is referred to without being there can be seen, and be kept."""
    known = [(name, name) for name in states]
    if not present or present in states:
        return known
    return [(present, _("%(name)s (there is no such state)") % {"name": present}), *known]


def _in_units(delay_ms: int) -> tuple[int, str]:
    """In the largest unit in which it is a whole number."""
    for factor, _label in reversed(UNITS):
        if delay_ms and delay_ms % int(factor) == 0:
            return delay_ms // int(factor), factor
    return delay_ms, "3600000" if not delay_ms else "1"
