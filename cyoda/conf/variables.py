"""How an environment variable becomes a typed value: kinds, defaults, `_FILE` form, refusals (contract: identity 2).

The modules beside this one declare every variable once, as `field: type = setting(NAME, kind, default, help)`; this one
reads them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


class ConfError(Exception):
    """A setting that stops the start; its text is one sentence naming the variable and what is allowed."""


class NotAllowed(Exception):
    """A text that its kind does not accept."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A type of variable: `parse` raises NotAllowed, `allowed` completes the sentence 'X must be …'."""

    allowed: str
    parse: Callable[[str], T]
    show: Callable[[T], str] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One row of the table; `default` is the value of an unset variable, or a function of the environment's name."""

    name: str
    kind: Kind[Any]
    default: object
    help: str
    secret: bool = False
    empty_is_value: bool = False

    def default_for(self, environment: str) -> object:
        return self.default[environment] if isinstance(self.default, ByEnvironment) else self.default

    @property
    def default_text(self) -> str:
        if isinstance(self.default, ByEnvironment):
            return "; ".join(f"{self.show(value) or 'none'} in {name}" for name, value in self.default.items())
        return self.show(self.default)

    def show(self, value: object) -> str:
        """The value as a person would write it; secrets never appear."""
        if self.secret:
            return "unset" if value is None else "set"
        return "" if value is None else self.kind.show(value)


class ByEnvironment(dict[str, object]):
    """A default that depends on CYODA_ENV."""


def by_environment(*, development: T, production: T) -> T:
    return cast(T, ByEnvironment(development=development, production=production))


def setting(
    name: str, kind: Kind[T], default: T, help: str, *, secret: bool = False, empty_is_value: bool = False
) -> T:
    """Declare a dataclass field that is read from the variable `name` (secrets also from `name`_FILE)."""
    variable = Variable(name=name, kind=kind, default=default, help=help, secret=secret, empty_is_value=empty_is_value)
    shown_default = cast(T, variable.default_for("development"))
    return dataclasses.field(default=shown_default, repr=not secret, metadata={"variable": variable})


def optional(kind: Kind[T]) -> Kind[T | None]:
    """The same kind, for a setting whose default is None."""
    return cast("Kind[T | None]", kind)


def variables_of(group: type[Any]) -> Iterator[tuple[str, Variable]]:
    """Attribute name and variable of each declared field, in order."""
    for declared in dataclasses.fields(group):
        yield declared.name, declared.metadata["variable"]


def read_group(group: type[T], environ: Mapping[str, str], environment: str) -> T:
    """Read every variable of one group.

    Raises ConfError.
    """
    return group(**{name: read(variable, environ, environment) for name, variable in variables_of(group)})


def read(variable: Variable, environ: Mapping[str, str], environment: str) -> object:
    """The value of one variable; an empty one counts as unset unless declared otherwise.

    Raises ConfError when the text is not allowed or the file cannot be read.
    """
    text = _text(variable, environ)
    if text is None or (text.strip() == "" and not variable.empty_is_value):
        return variable.default_for(environment)
    try:
        return variable.kind.parse(text if variable.secret else text.strip())
    except NotAllowed as refusal:
        shown = "" if variable.secret else f", not {text!r}"
        reason = f" ({refusal})" if str(refusal) else ""
        raise ConfError(f"{variable.name} must be {variable.kind.allowed}{shown}{reason}.") from None


def _text(variable: Variable, environ: Mapping[str, str]) -> str | None:
    path = environ.get(f"{variable.name}_FILE") if variable.secret else None
    if not path:
        return environ.get(variable.name)
    try:
        return Path(path).read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfError(f"{variable.name}_FILE names {path!r}, which cannot be read: {reason}.") from None


# --- kinds ------------------------------------------------------------------------------------------------------

_TRUE, _FALSE = {"1", "t", "true", "yes", "on"}, {"0", "f", "false", "no", "off"}
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+|\d+(?:\.\d+)?")


def _parse_boolean(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise NotAllowed


boolean: Kind[bool] = Kind("true or false", _parse_boolean, lambda value: "true" if value else "false")
text: Kind[str] = Kind("text", str)
path: Kind[Path] = Kind("a path", lambda value: Path(value).expanduser())


def integer(minimum: int, maximum: int | None = None) -> Kind[int]:
    """A whole number in a closed range."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
            raise NotAllowed
        number = int(value)
        if number < minimum or (maximum is not None and number > maximum):
            raise NotAllowed
        return number

    limits = f"of at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
    return Kind(f"a whole number {limits}", parse)


def integer_or_default(default: int) -> Kind[int]:
    """A whole number where zero and negative ones mean the default (contract: search 13)."""
    whole = integer(-(10**18))

    def parse(value: str) -> int:
        number = whole.parse(value)
        return number if number > 0 else default

    return Kind(f"a whole number (0 or less means {default})", parse)


port = integer(0, 65535)


def duration(minimum: timedelta = timedelta(milliseconds=1)) -> Kind[timedelta]:
    """`30s`, `5m`, `1h30m`, `500ms` or bare seconds."""

    def parse(value: str) -> timedelta:
        if not _DURATION.fullmatch(value):
            raise NotAllowed
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", value)
        try:
            total = timedelta(seconds=sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts))
        except OverflowError:
            raise NotAllowed from None
        if total < minimum:
            raise NotAllowed
        return total

    return Kind(f"a duration such as 30s, 5m or 500ms, at least {show_duration(minimum)}", parse, show_duration)


def seconds(number: float) -> timedelta:
    """Spelling of defaults."""
    return timedelta(seconds=number)


def show_duration(value: timedelta) -> str:
    milliseconds = round(value / timedelta(milliseconds=1))
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def choice(*names: str) -> Kind[Any]:
    """One of a few words, in any case."""

    def parse(value: str) -> str:
        if value.lower() not in names:
            raise NotAllowed
        return value.lower()

    return Kind(" or ".join(names), parse)


def listed(check: Callable[[list[str]], None] = lambda items: None) -> Kind[tuple[str, ...]]:
    """A comma-separated list, each element trimmed, empty ones dropped; `check` raises NotAllowed."""

    def parse(value: str) -> tuple[str, ...]:
        items = [item.strip() for item in value.split(",")]
        check(items)
        return tuple(item for item in items if item)

    return Kind("a comma-separated list", parse, ",".join)


def url(*schemes: str) -> Kind[str]:
    """An absolute URL with one of the schemes."""

    def parse(value: str) -> str:
        if not re.fullmatch(rf"(?:{'|'.join(map(re.escape, schemes))})://\S+", value.strip()):
            raise NotAllowed
        return value.strip()

    return Kind(f"a URL that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}", parse)


def pattern(expression: str, allowed: str) -> Kind[str]:
    """Text that matches a whole regular expression."""

    def parse(value: str) -> str:
        if not re.fullmatch(expression, value):
            raise NotAllowed
        return value

    return Kind(allowed, parse)
