"""From a request body to a document that a model accepts (contract: entities 2.8, 4.1, 4.6, 4.8, 5.2)."""

from __future__ import annotations

from dataclasses import dataclass

from cyoda import jsonio
from cyoda.errors import BadRequest
from cyoda.jsonio import Json
from workflows.core.entity import Document
from workflows.core.schema.model import Model
from workflows.core.schema.xml import InvalidXml, xml_to_json
from workflows.core.unique import claims_of
from workflows.storage.base import Extension


@dataclass(frozen=True, slots=True)
class Accepted:
    """A document that passed a model's checks, and what it adds to the model's schema."""

    document: Document
    extension: Extension | None


def parse_sample(body: bytes, data_format: str) -> Json:
    """The value of an import sample. Raises BadRequest (unsupported format, unparsable)."""
    if data_format == "JSON":
        try:
            return jsonio.first_value(body)[0]
        except jsonio.InvalidJson as error:
            raise BadRequest(f"parse JSON: {error}") from None
    if data_format == "XML":
        try:
            return xml_to_json(body)
        except InvalidXml as error:
            raise BadRequest(f"parse XML: {error}") from None
    raise BadRequest(f"unsupported data format: {data_format}")


def parse_document(body: bytes, data_format: str) -> Document:
    """The document of an entity write. Raises BadRequest (unsupported format, invalid JSON or XML)."""
    if data_format == "JSON":
        return parse_json(body)
    if data_format == "XML":
        try:
            return Document.from_value(xml_to_json(body))
        except InvalidXml:
            raise BadRequest("invalid XML") from None
    raise BadRequest("unsupported format")


def parse_json(body: bytes, refusal: str = "invalid JSON") -> Document:
    """Raises BadRequest with `refusal`."""
    try:
        return Document.from_text(body)
    except jsonio.InvalidJson:
        raise BadRequest(refusal) from None


def accept(document: Document, model: Model) -> Accepted:
    """Validate a document, or let it extend the model as far as its change level allows; check its unique keys.

    Raises IncompatibleType, BadRequest, PolymorphicSlot, InvalidUniqueKeyDefinition, InvalidUniqueKey.
    """
    grown = model.accept(document.value)
    if model.unique_keys:
        claims_of(model.unique_keys, document.value)
    extension = Extension(model=model.key, node=grown.node) if grown is not None else None
    return Accepted(document, extension)


def accept_patched(document: Document, model: Model) -> Accepted:
    """A merged document is always validated strictly and never extends the model (contract: entities 5.7).

    Raises IncompatibleType, BadRequest, InvalidUniqueKey.
    """
    model.check(document.value)
    if model.unique_keys:
        claims_of(model.unique_keys, document.value)
    return Accepted(document, None)
