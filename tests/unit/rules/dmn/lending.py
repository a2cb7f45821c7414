"""Models that import each other, as DMN files: lending imports risk and shared, and risk imports shared."""

from __future__ import annotations

from pathlib import Path

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="{name}" namespace="urn:{name}">
"""
IMPORT = '  <import name="{0}" namespace="urn:{0}" importType="https://www.omg.org/spec/DMN/20230324/MODEL/"/>\n'
SHARED = (
    HEAD.format(name="shared")
    + """
  <itemDefinition name="tRisk">
    <typeRef>string</typeRef><allowedValues><text>"low", "high"</text></allowedValues>
  </itemDefinition>
  <businessKnowledgeModel id="fee" name="fee">
    <variable name="fee"/>
    <encapsulatedLogic>
      <formalParameter name="amount" typeRef="number"/>
      <literalExpression><text>amount / 100</text></literalExpression>
    </encapsulatedLogic>
  </businessKnowledgeModel>
</definitions>
"""
)
RISK = (
    HEAD.format(name="risk")
    + IMPORT.format("shared")
    + """
  <inputData id="age" name="Age"><variable name="Age" typeRef="number"/></inputData>
  <decision id="verdict" name="Risk">
    <variable name="Risk" typeRef="shared.tRisk"/>
    <informationRequirement><requiredInput href="#age"/></informationRequirement>
    <decisionTable hitPolicy="FIRST">
      <input><inputExpression typeRef="number"><text>Age</text></inputExpression></input>
      <output typeRef="shared.tRisk"/>
      <rule><inputEntry><text>&lt; 25</text></inputEntry><outputEntry><text>"high"</text></outputEntry></rule>
      <rule><inputEntry><text>-</text></inputEntry><outputEntry><text>"low"</text></outputEntry></rule>
    </decisionTable>
  </decision>
</definitions>
"""
)
LENDING = (
    HEAD.format(name="lending")
    + IMPORT.format("risk")
    + IMPORT.format("shared")
    + """
  <inputData id="amount" name="Amount"><variable name="Amount" typeRef="number"/></inputData>
  <decision id="offer" name="Offer">
    <variable name="Offer"/>
    <informationRequirement><requiredInput href="#amount"/></informationRequirement>
    <informationRequirement><requiredDecision href="urn:risk#verdict"/></informationRequirement>
    <knowledgeRequirement><requiredKnowledge href="urn:shared#fee"/></knowledgeRequirement>
    <decisionTable hitPolicy="UNIQUE">
      <input><inputExpression><text>risk.Risk</text></inputExpression></input>
      <output typeRef="number"/>
      <rule><inputEntry><text>"high"</text></inputEntry><outputEntry><text>0</text></outputEntry></rule>
      <rule>
        <inputEntry><text>"low"</text></inputEntry><outputEntry><text>shared.fee(Amount) + 1</text></outputEntry>
      </rule>
    </decisionTable>
  </decision>
</definitions>
"""
)


def put(path: Path, **texts: str) -> Path:
    """Write files by their names; return the folder."""
    path.mkdir(exist_ok=True)
    for name, text in texts.items():
        (path / f"{name}.dmn").write_text(text)
    return path
