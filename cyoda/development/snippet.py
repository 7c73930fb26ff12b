"""How a program connects to this installation, for a person to copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from cyoda.conf import Conf
from cyoda.development.command import variables

Language = Literal["python", "java"]
LANGUAGES: tuple[Language, ...] = ("python", "java")

_PYTHON = """
  Python, with clients/python installed (its README takes five minutes):
    from cyoda_member import Member
    member = Member(tags=["first"])

    @member.processor("greet")
    def greet(person):
        return person | {"greeting": f"Hello, {person['name']}!"}

    member.run()
"""
_JAVA = """
  Java, one file to copy (clients/java; `mvn package` builds it):
    java -jar target/cyoda-member.jar "$CYODA_API_URL" "$CYODA_GRPC_TARGET" first
"""
_SNIPPETS: dict[Language, str] = {"python": _PYTHON, "java": _JAVA}


def connecting(conf: Conf, environ: Mapping[str, str], language: Language | None) -> str:
    """The variables as a member gets them, the secret by its place only, and what a program looks like.

    `environ` is the platform's; without a language all are shown.
    """
    given = variables(conf)
    file = environ.get("CYODA_BOOTSTRAP_CLIENT_SECRET_FILE")
    given["CYODA_CLIENT_SECRET"] = f"\"$(cat '{file}')\"" if file else '"$CYODA_BOOTSTRAP_CLIENT_SECRET"'
    exports = "\n".join(f"    export {name}={value}" for name, value in given.items())
    shown = LANGUAGES if language is None else (language,)
    return f"""
  The environment is up (tenant {conf.bootstrap.tenant_id}). Its member gets these variables; other programs get
  them in another terminal by
{exports}
{"".join(_SNIPPETS[each] for each in shown)}
  Ctrl-C stops everything; the data stays.
"""
