"""What else the server offers (contract: grpc 1, 22)."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.contract.grpc.conftest import OPTIONS, Client, Node, authenticate
from workflows.grpc.server import GrpcServer

ROOT = Path(__file__).resolve().parents[3]
GENERATED = ROOT / "workflows" / "grpc" / "generated"


@pytest.fixture
def backend() -> str:
    """Nothing here is stored."""
    return "memory"


async def test_health_answers_serving_without_a_token(client: Client) -> None:
    answer = await health_pb2_grpc.HealthStub(client.channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_service_where_it_is_switched_on(client: Client) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo(iter([request]))
    names = {service.name for service in (await call.read()).list_services_response.service}
    assert "org.cyoda.cloud.api.grpc.CloudEventsService" in names


async def test_a_taken_port_stops_the_start(node: Node) -> None:
    server = GrpcServer(
        replace(OPTIONS, port=node.port),
        authenticate=authenticate,
        registry=node.registry,
        clock=node.platform.clock,
        platform=node.platform,
    )
    with pytest.raises(RuntimeError):
        await server.start()


def test_the_committed_code_is_what_the_protocol_files_generate(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "proto" / "generate.py"), str(tmp_path)], check=True)
    fresh = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in GENERATED.iterdir() if path.is_file()}
    assert committed == fresh
