"""The demo of examples/movies against this installation: its compute program, and its story."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from cyoda.addresses import reachable
from cyoda.conf import Conf
from cyoda.embedded.processes import launched, stop

ROOT = Path(__file__).resolve().parents[1]
COMPUTE_NODE = ROOT / "examples" / "movies" / "compute_node.py"

Say = Callable[[str], None]


class DemoError(Exception):
    """The story cannot be told; the text is a sentence for the person at the terminal."""


def api_url(conf: Conf) -> str:
    return f"http://{reachable(conf.http.bind_address)}:{conf.http.port}{conf.http.context_path}"


def grpc_target(conf: Conf) -> str:
    return f"{reachable(conf.grpc.bind_address)}:{conf.grpc.port}"


def member_command(conf: Conf) -> list[str]:
    """The example's compute program, connected to the node of this configuration."""
    return [sys.executable, str(COMPUTE_NODE), "--api", api_url(conf), "--grpc", grpc_target(conf)]


def member_environment(conf: Conf) -> dict[str, str]:
    """What it is given to sign in: the bootstrap client's credentials, as the example reads them."""
    return {
        "CYODA_CLIENT_ID": conf.bootstrap.client_id or "",
        "CYODA_CLIENT_SECRET": conf.bootstrap.client_secret or "",
    }


def tell_story(conf: Conf, say: Say, *, with_member: bool) -> None:
    """Raises DemoError."""
    from examples.movies.story import tell

    client, secret = conf.bootstrap.client_id, conf.bootstrap.client_secret
    if conf.iam.mode != "jwt" or client is None or secret is None:
        raise DemoError(
            "The story signs in: set CYODA_IAM_MODE=jwt, CYODA_BOOTSTRAP_CLIENT_ID and CYODA_BOOTSTRAP_CLIENT_SECRET."
        )
    try:
        if with_member:
            with _member(conf):
                tell(api_url(conf), client, secret, say)
        else:
            tell(api_url(conf), client, secret, say)
    except httpx.HTTPStatusError as error:
        raise DemoError(f"{error.request.url} answered {error.response.status_code}: {error.response.text}") from None
    except httpx.HTTPError as error:
        raise DemoError(f"The node at {api_url(conf)} does not answer: {error}.") from None
    except RuntimeError as error:
        raise DemoError(f"The story stopped. {error}") from None


@contextmanager
def _member(conf: Conf) -> Generator[None]:
    """The compute program for as long as the story takes; one more beside another does no harm."""
    process = subprocess.Popen(
        launched(member_command(conf), signal.SIGKILL, "same"),
        env=dict(os.environ) | member_environment(conf),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        stop(process, signal.SIGTERM)
