"""`python -m cyoda.health`: whether this machine's node is ready, for containers (contract: control plane 11).

Exit code 0 when `/readyz` of the admin port answers 200 within two seconds, else 1.
"""

from __future__ import annotations

import os
import sys
import urllib.request

SECONDS = 2.0


def is_ready(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=SECONDS) as answer:
            return answer.status == 200
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_ready(os.environ.get("CYODA_ADMIN_PORT", "9091")) else 1)
