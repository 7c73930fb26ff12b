"""The five minutes of clients/python/README.md, as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cyoda_member.testing import Harness, MemoryApi
from tests.clients.conftest import LiveNode, until
from tests.nodes import CLIENT_ID, CLIENT_SECRET, ROOT

README = (ROOT / "clients" / "python" / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
ORDERS, TESTS, INVOICE = [text for language, text in BLOCKS if language == "python"]
(WORKFLOW,) = [text for language, text in BLOCKS if language == "json"]
(COMMANDS,) = [text for language, text in BLOCKS if language == "sh"]
SOURCE = str(ROOT / "clients" / "python" / "src")


@pytest.fixture
def orders() -> Iterator[ModuleType]:
    """The README's program, importable under the name that it has there."""
    module = ModuleType("orders")
    exec(compile(ORDERS, "orders.py", "exec"), module.__dict__)
    sys.modules["orders"] = module
    yield module
    del sys.modules["orders"]


def test_its_tests_pass(orders: ModuleType) -> None:
    written: dict[str, object] = {}
    exec(compile(TESTS, "test_orders.py", "exec"), written)
    tests = [value for name, value in written.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        assert callable(test)
        test()


async def test_its_invoice_is_created_inside_the_transaction(orders: ModuleType) -> None:
    exec(compile(INVOICE, "orders.py", "exec"), orders.__dict__)
    api = MemoryApi()
    priced = await Harness(orders.member).processor("invoice", {"total": 5}, entity_id="o-1", api=api)
    ((invoice_id, invoice),) = api.entities.items()
    assert invoice.document == {"order": "o-1", "amount": 5}
    assert priced.document == {"total": 5, "invoice": invoice_id}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands use curl")
async def test_its_commands_price_and_escalate_an_order(live: LiveNode, tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(ORDERS)
    (tmp_path / "order.json").write_text(WORKFLOW)
    settings = live.settings
    environ = os.environ | {
        "CYODA_CLIENT_ID": CLIENT_ID, "CYODA_CLIENT_SECRET": CLIENT_SECRET, "PYTHONPATH": SOURCE,
        "CYODA_API_URL": settings.api, "CYODA_GRPC_TARGET": settings.grpc,
    }  # fmt: skip
    program = await asyncio.create_subprocess_exec(
        sys.executable, "orders.py", cwd=tmp_path, env=environ, stderr=asyncio.subprocess.PIPE
    )
    try:
        await until(lambda: live.members or program.returncode is not None)
        commands = COMMANDS.replace("http://localhost:8080/api", settings.api)
        shell = await asyncio.create_subprocess_exec(
            "bash", "-ec", commands, cwd=tmp_path, env=environ, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await shell.communicate()
    finally:
        program.terminate()
        _, log = await program.communicate()
    assert '"total":142.00}' in said.decode()
    assert '"state":"ESCALATED"' in said.decode()
    assert program.returncode == 0
    assert "joined as member" in log.decode()
    assert CLIENT_SECRET not in log.decode()
