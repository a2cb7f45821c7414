"""Reading XML: elements by their local names, whatever version of DMN their namespace is of.

What is not DMN, or not known of DMN, is refused where it could change what a model decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from engine.rules.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

MAX_BYTES: Final = 50_000_000
MAX_DEPTH: Final = 200
NAMESPACE: Final = "https://www.omg.org/spec/DMN/20230324/MODEL/"
"""Of DMN 1.5."""
OLDEST: Final = "http://www.omg.org/spec/DMN/20151101/dmn.xsd"
"""Of DMN 1.1, which names types with prefixes of XML, and imports by nothing else."""
VERSIONS: Final = {
    OLDEST: "1.1",
    "http://www.omg.org/spec/DMN/20180521/MODEL/": "1.2",
    "https://www.omg.org/spec/DMN/20191111/MODEL/": "1.3",
    "https://www.omg.org/spec/DMN/20211108/MODEL/": "1.4",
    NAMESPACE: "1.5",
}

_MEANING: Final = frozenset(
    """
    definitions import itemDefinition itemComponent functionItem parameters typeRef allowedValues typeConstraint text
    inputData decision businessKnowledgeModel decisionService variable informationRequirement knowledgeRequirement
    requiredInput requiredDecision requiredKnowledge outputDecision encapsulatedDecision inputDecision
    encapsulatedLogic formalParameter literalExpression decisionTable input inputExpression inputValues output
    outputValues defaultOutputEntry annotation rule inputEntry outputEntry annotationEntry context contextEntry
    invocation binding parameter functionDefinition relation column row list conditional if then else filter in match
    for some every return satisfies
    """.split()  # noqa: SIM905 - words read better
)
_WITHOUT_MEANING: Final = frozenset(
    """
    description question allowedAnswers extensionElements authorityRequirement supportedObjective
    impactedPerformanceIndicator impactingDecision decisionMaker decisionOwner ownsDecisionMade decisionMade
    decisionOwned usingProcess usingTask knowledgeSource performanceIndicator organizationUnit elementCollection
    textAnnotation association group DMNDI locationURI owner type requiredAuthority
    """.split()  # noqa: SIM905 - words read better
)
"""Documentation, organisation and layout. They are known by name, so that what is misspelt is found."""


class _Builder(ET.TreeBuilder):
    """Refuses document types, and with them entities, which can be made to grow without bound or to read files."""

    def __init__(self) -> None:
        super().__init__()
        self.prefixes: dict[str, str] = {}
        self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ModelError(f"the file declares a document type {name!r}: remove it")

    def start_ns(self, prefix: str | None, uri: str) -> None:
        self.prefixes.setdefault(prefix or "", uri)

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ModelError(f"the file nests elements more than {MAX_DEPTH} levels deep")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse_xml(data: bytes) -> tuple[Element, dict[str, str]]:
    """Return the root of a document, and the namespaces of its prefixes.

    Raises ModelError for what is no XML, or may not be read.
    """
    if len(data) > MAX_BYTES:
        raise ModelError(f"the file has {len(data)} bytes; {MAX_BYTES} are read")
    builder = _Builder()
    parser = ET.XMLParser(target=builder)  # noqa: S314 - no document type, so no entities
    try:
        parser.feed(data)
        return parser.close(), builder.prefixes
    except (ValueError, LookupError) as error:
        problem = f"its encoding is not known ({error})"
    except ET.ParseError as error:
        line, column = error.position
        problem = f"{str(error).partition(':')[0]}, at line {line}, column {column + 1}"
    raise ModelError(f"the file is no XML: {problem}")


def definitions_of(data: bytes) -> Element:
    """Return the root of a DMN file, of whose elements those that mean something have names without a namespace.

    Raises ModelError for files of other kinds, and for elements that are not known.
    """
    root, prefixes = parse_xml(data)
    namespace, _, name = root.tag.removeprefix("{").rpartition("}")
    if name != "definitions":
        raise ModelError(f"the file is no DMN: its root is {name!r}, not 'definitions'")
    if namespace not in VERSIONS:
        raise ModelError(
            f"the file is of the namespace {namespace!r}, which is of no version of DMN that is read: "
            f"{', '.join(VERSIONS.values())}"
        )
    _name_plainly(root, f"{{{namespace}}}", root.tag, "the file")
    if namespace == OLDEST:
        _without_prefixes(root, prefixes)
    return root


def _name_plainly(element: Element, namespace: str, tag: str, place: str) -> None:
    name = element.tag = tag.removeprefix(namespace)
    place = f"{name} {element.get('name')!r}" if element.get("name") else place
    for attribute in ("expressionLanguage", "typeLanguage"):
        language = element.get(attribute, "")
        if language and not language.rstrip("/").upper().endswith("FEEL") and "/FEEL/" not in language:
            raise ModelError(f"{place} is written in {language!r}, and only FEEL is understood: rewrite it in FEEL")
    kept: list[Element] = []
    for inner in element:
        local = inner.tag.removeprefix(namespace)
        if local in _WITHOUT_MEANING or local.endswith("}DMNDI"):
            continue
        if local not in _MEANING:
            raise ModelError(f"{place} has an element {local.rpartition('}')[2]!r}, which is not understood: remove it")
        _name_plainly(inner, namespace, inner.tag, place)
        kept.append(inner)
    element[:] = kept


def _without_prefixes(root: Element, prefixes: dict[str, str]) -> None:
    """Name types and imports as later versions do: FEEL's and the model's own types plainly, others by their import."""
    plain = {prefix for prefix, uri in prefixes.items() if "/FEEL/" in uri or uri == root.get("namespace")}
    for element in root.iter():
        given = element.text if element.tag == "typeRef" else element.get("typeRef")
        if given is not None:
            prefix, mark, name = given.strip().rpartition(":")
            plainly = name if not mark or prefix in plain else f"{prefix}.{name}"
            if element.tag == "typeRef":
                element.text = plainly
            else:
                element.set("typeRef", plainly)
        elif element.tag == "import" and not element.get("name"):
            known = [prefix for prefix, uri in prefixes.items() if uri == element.get("namespace")]
            element.set("name", known[0] if known else "")


def local(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag


def children(element: Element, *names: str) -> Iterator[Element]:
    """Yield the children of these names."""
    for child in element:
        if local(child) in names:
            yield child


def child(element: Element, *names: str) -> Element | None:
    """Return the first child of one of these names."""
    return next(children(element, *names), None)


def text_of(element: Element | None) -> str | None:
    """Return the text of an element, or of its child ``text`` if it has one; None if there is none."""
    if element is None:
        return None
    inner = child(element, "text")
    text = (element if inner is None else inner).text
    return text.strip() if text and text.strip() else None


def name_of(element: Element) -> str:
    """Return the name of an element, with its blanks made single ones, as FEEL reads names."""
    return " ".join(element.get("name", "").split())


def type_of(element: Element | None) -> str | None:
    """Return the type that an element refers to, as an attribute or, in item definitions, as a child."""
    if element is None:
        return None
    given = element.get("typeRef")
    if given is None:
        inner = child(element, "typeRef")
        given = None if inner is None else inner.text
    return given.strip().removeprefix("feel:") if given and given.strip() else None
