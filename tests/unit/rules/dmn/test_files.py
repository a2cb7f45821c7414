"""DMN files in and out: every version, what is not understood, and hostile files."""

from __future__ import annotations

import pytest
from hypothesis import given

from engine.rules import model
from engine.rules.dmn.reader import read_dmn
from engine.rules.dmn.writer import write_dmn
from engine.rules.errors import ModelError
from tests.unit.rules.models import models

V11 = "http://www.omg.org/spec/DMN/20151101/dmn.xsd"
V12 = "http://www.omg.org/spec/DMN/20180521/MODEL/"
V13 = "https://www.omg.org/spec/DMN/20191111/MODEL/"
V14 = "https://www.omg.org/spec/DMN/20211108/MODEL/"
V15 = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def fares(namespace: str, body: str = "", attributes: str = "", decision: str = "", type_: str = "number") -> bytes:
    return f"""<?xml version="1.0"?>
<d:definitions xmlns:d="{namespace}" xmlns:feel="http://www.omg.org/spec/FEEL/20140401" xmlns:x="urn:other"
    xmlns:own="urn:fares" name="Fares" namespace="urn:fares" {attributes}>
  <d:itemDefinition name="tFare"><d:typeRef>{type_}</d:typeRef></d:itemDefinition>
  <d:inputData id="i" name="Age"><d:variable name="Age" typeRef="{type_}"/></d:inputData>
  {body}
  <d:decision id="d" name="Fare">
    <d:description>What a <b xmlns="urn:html">ticket</b> costs.</d:description>
    <d:extensionElements><x:anything><x:decisionTable/></x:anything></d:extensionElements>
    <d:question>How much?</d:question>
    <d:variable name="Fare" typeRef="{"own:" if type_ != "number" else ""}tFare"/>
    <d:informationRequirement id="r"><d:requiredInput href="#i"/></d:informationRequirement>
    {
        decision
        or '''<d:decisionTable hitPolicy="UNIQUE">
      <d:input><d:inputExpression typeRef="number"><d:text>Age</d:text></d:inputExpression></d:input>
      <d:output/>
      <d:rule><d:inputEntry><d:text>&lt; 18</d:text></d:inputEntry>
              <d:outputEntry><d:text>5</d:text></d:outputEntry></d:rule>
    </d:decisionTable>'''
    }
  </d:decision>
</d:definitions>""".encode()


FARES = model.Model(
    "Fares",
    "urn:fares",
    (model.ItemDefinition("tFare", "number"),),
    (
        model.InputData("i", "Age", "number"),
        model.Decision(
            "d", "Fare", "tFare",
            model.DecisionTable(
                (model.InputClause("Age", type="number"),), (model.OutputClause(),), (model.Rule(("< 18",), ("5",)),)
            ),
            ("i",),
        ),
    ),
)  # fmt: skip


@given(models())
def test_what_is_written_is_read_again_as_it_was(source: model.Model) -> None:
    written = write_dmn(source)
    assert read_dmn(written) == source
    assert write_dmn(source) == written


@pytest.mark.parametrize("namespace", [V11, V12, V13, V14, V15])
def test_every_version_is_read_as_the_same_model(namespace: str) -> None:
    assert read_dmn(fares(namespace)) == FARES


def test_prefixes_of_types_in_dmn_1_1_are_those_of_xml() -> None:
    assert read_dmn(fares(V11, type_="feel:number")) == FARES
    other = '<d:import namespace="urn:other" importType="http://www.omg.org/spec/DMN/20151101/dmn.xsd"/>'
    found = read_dmn(
        fares(V11, other + '<d:inputData id="j" name="J"><d:variable name="J" typeRef="x:t"/></d:inputData>')
    )
    assert found.imports == (model.Import("x", "urn:other"),)
    assert model.InputData("j", "J", "x.t") in found.elements


@pytest.mark.parametrize(
    "body, attributes, decision, says",
    [
        ("", "", "<d:sorcery/>", "decision 'Fare' has an element 'sorcery', which is not understood"),
        ("", "", "<x:literalExpression><x:text>1</x:text></x:literalExpression>", "an element 'literalExpression'"),
        ("", "", "<d:literalExpression><d:importedValues/></d:literalExpression>", "an element 'importedValues'"),
        ("<d:decisoin name='Typo'/>", "", "", "an element 'decisoin'"),
        (
            "", "", "<d:literalExpression expressionLanguage='javascript'><d:text>1</d:text></d:literalExpression>",
            "decision 'Fare' is written in 'javascript', and only FEEL is understood",
        ),
        ("", "expressionLanguage='http://www.ecma-international.org/ecma-262'", "", "only FEEL is understood"),
        (
            "", "", "<d:literalExpression><d:text>1</d:text></d:literalExpression><d:context/>",
            "literalExpression and context stand where one expression is expected",
        ),
        ("", "", "<d:decisionTable hitPolicy='BEST'/>", "the hit policy 'BEST'"),
        ("<d:inputData id='d' name='Twice'/>", "", "", "two elements of the model have the id 'd'"),
        ("<d:itemDefinition name='tFare'/>", "", "", "two types of the model have the name 'tFare'"),
        (
            "<d:import name='a' namespace='urn:1'/><d:import name='a' namespace='urn:2'/>", "", "",
            "two imports of the model have the name 'a'",
        ),
        (
            "<d:import name='a' namespace='urn:1'/><d:import name='b' namespace='urn:1'/>", "", "",
            "two imports of the model are of the namespace 'urn:1'",
        ),
    ],
)  # fmt: skip
def test_what_would_change_the_meaning_is_refused_by_name(body: str, attributes: str, decision: str, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_dmn(fares(V15, body, attributes, decision))
    assert says in str(caught.value)


@pytest.mark.parametrize("language", [V15.replace("MODEL", "FEEL"), "http://www.omg.org/spec/FEEL/20140401", "feel"])
def test_feel_is_known_by_all_of_its_names(language: str) -> None:
    assert read_dmn(fares(V15, attributes=f"expressionLanguage='{language}'")) == FARES


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><definitions>&j;</definitions>"
)


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "is no XML"),
        (b"\x00\x01", "is no XML"),
        (b"PK\x03\x04", "is no XML"),
        (b"<definitions", "is no XML"),
        (b'<?xml version="1.0" encoding="utf-99"?><a/>', "is no XML: "),
        (LAUGHS, "declares a document type 'lolz'"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "declares a document type 'a'"),
        (b"<a>" * 5000 + b"</a>" * 5000, "more than 200 levels deep"),
        (b"<definitions/>", "the namespace '', which is of no version of DMN"),
        (f'<x xmlns="{V15}"/>'.encode(), "its root is 'x', not 'definitions'"),
        (
            b'<definitions xmlns="https://www.omg.org/spec/DMN/20990101/MODEL/"/>',
            "is of no version of DMN that is read",
        ),
    ],
)
def test_hostile_and_malformed_files_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_dmn(data)
    assert says in str(caught.value)


def test_a_file_beyond_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.rules.dmn.elements.MAX_BYTES", 100)
    with pytest.raises(ModelError, match=r"has \d+ bytes; 100 are read"):
        read_dmn(fares(V15))


def test_references_to_other_models_are_written_by_what_they_refer_to() -> None:
    other = model.Model("Other", "urn:other", elements=(model.BusinessKnowledgeModel("k", "K"),))
    source = model.Model(
        "M",
        "urn:m",
        elements=(model.Decision("d", "D", requires=("urn:other#k",)),),
        imports=(model.Import("o", "urn:other"),),
    )
    written = write_dmn(source, [other])
    assert b'<requiredKnowledge href="urn:other#k"/>' in written
    assert read_dmn(written) == source
    with pytest.raises(ModelError, match="'D' requires 'urn:other#k', which is in none of the models given"):
        write_dmn(source)


def test_characters_that_xml_cannot_hold_are_refused() -> None:
    with pytest.raises(ModelError, match="XML cannot hold the character"):
        write_dmn(model.Model("a\x00b", "n"))
