"""The operator's guide to identity: its commands run as they are printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from cyoda.conf import unknown_names
from tests.nodes import CLIENT_ID, CLIENT_SECRET, ROOT, NodeProcess

GUIDE = (ROOT / "docs" / "identity.md").read_text(encoding="utf-8")
FIELD = """field() { "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }"""
LINK = re.compile(r"\]\((?!http)([^)#]+)")


def test_every_command_of_the_guide_works(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 10
    settings = {
        "CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED": "true",
        "CYODA_MAIL_URL": "console",
        "CYODA_ENCRYPTION_KEY": "the key at rest of this test, long enough",
    }
    with NodeProcess(tmp_path / "node", settings) as node:
        script = "\n".join(("set -euo pipefail", FIELD, *blocks))
        environ = node.settings() | {
            "API": node.api, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"],
        }  # fmt: skip
        (tmp_path / "manage.py").symlink_to(ROOT / "manage.py")
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100, check=False
        )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert '"client_secret"' in (tmp_path / "created").read_text()


def test_links_of_the_guide_and_of_the_threat_model_lead_somewhere() -> None:
    for page in (ROOT / "docs" / "identity.md", ROOT / "docs" / "permissions.md", ROOT / "SECURITY.md"):
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_settings_of_the_guide_exist() -> None:
    named = set(re.findall(r"CYODA_[A-Z0-9_]+", GUIDE))
    assert unknown_names(dict.fromkeys(named, "")) == []
