"""The text of an event in the kind a client asks for."""

from lxml import etree, html

from adapters.simulator.content import Content
from adapters.simulator.ews.soap import text


def body_xml(name: str, content: Content, wanted: str) -> str:
    """Write the body as `HTML`, as `Text`, or (`Best`) as it was written."""
    kind = content.body_type if wanted == "Best" else wanted
    value = content.body
    if kind == "HTML" and content.body_type == "Text":
        value = f"<html><body><div>{text(value)}</div></body></html>" if value else ""
    elif kind == "Text" and content.body_type == "HTML":
        value = _plain(value) if value.strip() else ""
    return f'<t:{name} BodyType="{kind}" IsTruncated="false">{text(value)}</t:{name}>'


def _plain(value: str) -> str:
    return etree.tostring(html.document_fromstring(value), method="text", encoding="unicode").strip()
