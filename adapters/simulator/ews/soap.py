"""SOAP envelopes, faults and response messages as Exchange writes them.

Answers are built as text, because that costs a fraction of a tree; every value goes through `escape` or `attribute`.
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from adapters.simulator.ews.xml import Element

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
T = f"{{{TYPES}}}"
M = f"{{{MESSAGES}}}"

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)

_HEAD = (
    f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}"><s:Header>'
    f'<h:ServerVersionInfo MajorVersion="15" MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="63" '
    f'Version="Exchange2016" xmlns:h="{TYPES}"/></s:Header>'
)
_TAIL = "</s:Body></s:Envelope>"


class SoapFault(Exception):
    """The whole request is refused: a SOAP fault with a response code in its detail, by default with HTTP 500."""

    def __init__(self, code: str, text: str, *, values: dict[str, str] | None = None, bare: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.values = values or {}
        self.bare = bare
        """Without `detail`, as some servers answer."""


class ItemError(Exception):
    """One item of a request is refused, the others are not."""

    def __init__(self, code: str, text: str, *, values: dict[str, str] | None = None, warning: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.values = values or {}
        self.warning = warning


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request as it came: its operation's element and what the headers say."""

    operation: Element
    impersonated: str | None = None
    """The address in the impersonation header."""
    time_zone: str | None = None
    """The Windows id in the TimeZoneContext header."""


def read_envelope(body: bytes) -> Envelope:
    """Read a request. Raises SoapFault."""
    try:
        root = etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError as wrong:
        raise SoapFault("ErrorSchemaValidation", f"The request is no XML: {wrong.msg}") from wrong
    content = root.find(f"{{{SOAP}}}Body") if root.tag == f"{{{SOAP}}}Envelope" else None
    if content is None or len(content) != 1:
        raise SoapFault("ErrorSchemaValidation", "The request is no SOAP envelope with one operation.")
    header = root.find(f"{{{SOAP}}}Header")
    zone = None if header is None else header.find(f"{T}TimeZoneContext/{T}TimeZoneDefinition")
    return Envelope(
        operation=content[0],
        impersonated=None if header is None else _impersonated(header),
        time_zone=None if zone is None else zone.get("Id"),
    )


def _impersonated(header: Element) -> str | None:
    who = header.find(f"{T}ExchangeImpersonation/{T}ConnectingSID")
    if who is None:
        return None
    for name in ("PrimarySmtpAddress", "SmtpAddress", "PrincipalName"):
        text = who.findtext(f"{T}{name}")
        if text:
            return text
    raise SoapFault("ErrorImpersonationFailed", "The header names nobody whom the simulator knows how to find.")


def envelope(operation: str, content: str, attributes: str = "") -> bytes:
    """Make the answer of an operation around its content."""
    return (
        f'{_HEAD}<s:Body><m:{operation}Response xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"{attributes}>'
        f"{content}</m:{operation}Response>{_TAIL}"
    ).encode()


def success(message: str, content: str) -> str:
    """Make the response message of an item that went well."""
    return f'<m:{message} ResponseClass="Success">{no_error(content)}</m:{message}>'


def no_error(content: str) -> str:
    """Make the inside of a message that reports success."""
    return f"<m:ResponseCode>NoError</m:ResponseCode>{content}"


def failure(message: str, error: ItemError, content: str) -> str:
    """Make the response message of an item that was refused; `content` is what the schema wants even then."""
    kind = "Warning" if error.warning else "Error"
    return f'<m:{message} ResponseClass="{kind}">{error_body(error)}{content}</m:{message}>'


def error_body(error: ItemError) -> str:
    """Make the inside of a message that reports a failure."""
    more = f"<m:MessageXml>{_values(error.values)}</m:MessageXml>" if error.values else ""
    return (
        f"<m:MessageText>{text(str(error))}</m:MessageText><m:ResponseCode>{error.code}</m:ResponseCode>"
        f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{more}"
    )


def fault(error: SoapFault) -> bytes:
    """Make a SOAP fault. Source: "Handling EWS errors", and the wire shapes that clients reported."""
    wording = text(error.text)
    values = f'<t:MessageXml xmlns:t="{TYPES}">{_values(error.values)}</t:MessageXml>' if error.values else ""
    detail = (
        f'<detail><e:ResponseCode xmlns:e="{ERRORS}">{error.code}</e:ResponseCode>'
        f'<e:Message xmlns:e="{ERRORS}">{wording}</e:Message>{values}</detail>'
    )
    return (
        f'{_HEAD}<s:Body><s:Fault><faultcode xmlns:a="{TYPES}">a:{error.code}</faultcode>'
        f'<faultstring xml:lang="en-US">{wording}</faultstring>{"" if error.bare else detail}</s:Fault>{_TAIL}'
    ).encode()


def text(value: str) -> str:
    """Make a text safe inside an element; a carriage return would otherwise not survive the reader."""
    return escape(value, {"\r": "&#13;"})


def attribute(value: str) -> str:
    """Make a text safe as an attribute, quotes included."""
    return quoteattr(value)


def _values(values: dict[str, str]) -> str:
    return "".join(f"<t:Value Name={attribute(name)}>{text(value)}</t:Value>" for name, value in values.items())
