"""Mails to people, as plain text from templates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, send_mail
from django.template.loader import render_to_string
from django.urls import reverse

log = structlog.get_logger(__name__)

_posting = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")
"""Sends what nobody waits for; a process that ends sends what is left first."""


class MailNotSent(Exception):
    """The mail server did not take the mail."""

    def __init__(self) -> None:
        super().__init__("The mail could not be sent: the mail server did not take it.")


def page_url(name: str, *arguments: object) -> str:
    """An absolute link for a mail: it never depends on what a request calls this host."""
    return settings.PUBLIC_URL + reverse(name, args=arguments)


def send(template: str, to: str, **context: Any) -> None:
    """Send `mail/<template>.txt`, whose first line is the subject. Raises MailNotSent."""
    subject, _, text = render_to_string(f"mail/{template}.txt", context).partition("\n")
    try:
        send_mail(subject.strip(), text.lstrip("\n"), None, [to])
    except (SMTPException, OSError) as error:
        log.warning("mail not sent", template=template, reason=str(error))
        raise MailNotSent from error


def send_later(message: EmailMessage, template: str) -> None:
    """Send beside the caller, who learns neither how long it takes nor whether it succeeds."""
    _posting.submit(_post, message, template)


def wait_until_sent() -> None:
    """Return when everything that was to be sent later has been tried."""
    _posting.submit(int).result()


def _post(message: EmailMessage, template: str) -> None:
    try:
        message.send()
    except (SMTPException, OSError) as error:
        log.error("mail not sent", template=template, reason=str(error))
