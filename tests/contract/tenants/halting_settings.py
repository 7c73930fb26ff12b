"""The settings of a worker that halts (see drivers.HaltingDriver)."""

from cyoda.settings import *  # noqa: F403 - a settings module is the other one with a change

PROVISIONING_DRIVERS = {"local": "tests.contract.tenants.drivers.HaltingDriver"}
