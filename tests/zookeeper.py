"""A real Zookeeper server for tests, from Debian's package, on a free loopback port."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from cyoda.embedded.processes import signal_group, spawn, stop
from tests.nodes import free_port

JAR = Path("/usr/share/java/zookeeper.jar")
TICK_MS = 200
START_SECONDS = 30
_JAVA = [
    shutil.which("java") or "java",
    "-Xmx96m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dzookeeper.admin.enableServer=false",
    "-Dzookeeper.jmx.log4j.disable=true", "-cp", str(JAR), "org.apache.zookeeper.server.ZooKeeperServerMain",
]  # fmt: skip


class ZookeeperServer:
    """One server; its data stays between `kill` and `start`. Sessions of half a second are allowed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def hosts(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> ZookeeperServer:
        """Raises RuntimeError with the end of its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "zoo.cfg"
        configuration.write_text(
            f"tickTime={TICK_MS}\ndataDir={self.folder}\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n"
            "minSessionTimeout=400\nmaxClientCnxns=0\n4lw.commands.whitelist=ruok\n"
        )
        log = self.folder / "server.log"
        self.process = spawn([*_JAVA, str(configuration)], log=log)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Zookeeper did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"ruok")
                return connection.recv(4) == b"imok"
        except OSError:
            return False

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        signal_group(self.process, number)

    def stop(self) -> None:
        if self.process is not None:
            self.signal(signal.SIGCONT)
            stop(self.process, signal.SIGKILL)
            self.process = None

    def __enter__(self) -> ZookeeperServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
