"""Drivers whose parameters are fixed and which are not built: no back end that takes orders can have one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tenants.models import Environment
from tenants.provisioning.base import Driver, Json, Parameter, Step, StepRefused


class Planned(Driver):
    """Says of itself what is missing, so that it is neither enabled nor ordered from."""

    def steps(self, environment: Environment) -> tuple[Step, ...]:
        raise StepRefused(self._sentence)

    def check(self, parameters: Mapping[str, Json]) -> Sequence[str]:
        return (self._sentence,)

    def plan(self, environment: Environment) -> Sequence[str]:
        return ()

    @property
    def _sentence(self) -> str:
        return f"The driver {self.name} is not built yet."


class KubernetesDriver(Planned):
    name, label = "kubernetes", "Kubernetes namespace of its own"
    parameters = (
        Parameter("context", str, ""),
        Parameter("image", str, "cyoda:latest"),
        Parameter("replicas", int, 1, minimum=1),
        Parameter("max_replicas", int, 3, minimum=1),
        Parameter("storage_class", str, ""),
        Parameter("gateway", str, ""),
        Parameter("cpu_milli", int, 1000, minimum=100),
        Parameter("memory_mb", int, 512, minimum=256),
        Parameter("network_policy", bool, True),
    )


class CassandraDriver(Planned):
    name, label = "cassandra", "Cassandra keyspace of its own"
    parameters = (
        Parameter("contact_points", str, ""),
        Parameter("datacenter", str, "datacenter1"),
        Parameter("replication_factor", int, 3, minimum=1),
    )


class TrinoDriver(Planned):
    name, label = "trino", "Trino catalogue of its own"
    parameters = (
        Parameter("coordinator_url", str, ""),
        Parameter("catalog_folder", str, ""),
    )
