"""Mails to people, as plain text from templates."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

log = structlog.get_logger(__name__)


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
