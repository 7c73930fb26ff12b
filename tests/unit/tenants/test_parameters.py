"""Declared parameters of drivers."""

from __future__ import annotations

import pytest

from tenants.provisioning.base import Driver, Parameter, Step, StepRefused, checked_parameters


class Replicated(Driver):
    name, label = "replicated", "With copies"
    parameters = (Parameter("copies", int, default=3, minimum=1), Parameter("zone", str, default="a"))

    def steps(self, environment: object) -> tuple[Step, ...]:
        return ()


def test_parameters_that_are_not_given_have_their_defaults() -> None:
    assert checked_parameters(Replicated(), {"copies": 5}) == {"copies": 5, "zone": "a"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"copies": 0}, "copies must be a value of type int of at least 1"),
        ({"copies": "3"}, "copies must be a value of type int of at least 1"),
        ({"copies": True}, "copies must be a value of type int of at least 1"),
        ({"zone": 3}, "zone must be a value of type str"),
        ({"speed": 9}, "replicated has no parameter speed"),
    ],
)
def test_unsuitable_and_unknown_parameters_are_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(StepRefused, match=sentence):
        checked_parameters(Replicated(), given)
