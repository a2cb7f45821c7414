"""Patterns of XPath: what they mean, and that none of them runs for ever."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel.evaluation import BudgetExceeded, Evaluation
from engine.rules.feel.regex import BadPattern, charsets, pattern_of
from engine.rules.feel.regex import pattern as module
from engine.rules.feel.regex.machine import Machine
from engine.rules.feel.regex.nodes import Choice, Edge, Group, Node, One, Repeat, Sequence
from engine.rules.feel.regex.parser import MAX_PATTERN, parse
from engine.rules.feel.regex.translation import source_of, ways
from tests.unit.rules.feel.calls import call, evaluation


@pytest.mark.parametrize(
    "text, pattern, flags, result",
    [
        ("foobar", "^fo*bar", "", True), ("foobar", "^o", "", False), ("a\nb", "^b", "", False),
        ("a\nb", "^b", "m", True),
        ("a\nb", "a$", "", False), ("a\nb", "a$", "m", True), ("a\n", "^$", "m", False), ("\n\n", "^$", "m", True),
        ("a\rb", "a.b", "", False), ("a\rb", "a.b", "s", True), ("ABC", "abc", "i", True), ("\u212a", "k", "i", True),
        ("\u017f", "S", "i", True), ("ss", "ß", "i", False), ("É", "é", "i", True),
        ("hello world", "hello world", "x", False),
        ("helloworld", "hello world", "x", True), ("a b", "a[ ]b", "x", True), ("a]b", r"a\]b", "", True),
        ("x", "[A-Z-[OI]]", "i", True), ("o", "[A-Z-[OI]]", "i", False), ("q", "[^Q]", "i", False),
        ("7", r"\d", "", True),
        ("\u0667", r"\d", "", True), ("_", r"\w", "", False), ("+", r"\w", "", True), ("é", r"\w", "", True),
        (" ", r"\s", "", True), ("\u00a0", r"\s", "", False), ("\u00a0", r"\S", "", True), (":", r"\i", "", True),
        ("-", r"\i", "", False), ("-", r"\c", "", True), ("é", r"\p{L}", "", True), ("é", r"\p{Lu}", "", False),
        ("é", r"\p{Lu}", "i", False), ("É", r"\P{Ll}", "", True), ("α", r"\p{IsGreek}", "", True),
        ("a", r"\p{IsGreek}", "", False), ("-", "[a-]", "", True), ("-", "[-a]", "", True), ("^", "[a^]", "", True),
        ("b", r"[\d\p{L}]", "", True), ("b", "[a-z-[aeiou]]", "", True), ("e", "[a-z-[aeiou]]", "", False),
        ("e", "[a-z-[aeiou-[e]]]", "", True), ("3", "[^a-z-[0-9]]", "", False), ("abab", r"(ab)\1", "", True),
        ("aA", r"(a)\1", "i", True), ("ab", r"(a)|b\1", "", True), ("b", r"(a)?b\1$", "", True),
        ("ac", "a(?:b|c)", "", True),
        ("aaa", "^a{2}$", "", False), ("aaa", "^a{2,}$", "", True), ("aaa", "^a{1,2}$", "", False),
        ("a\\b", r"a\\b", "", True),
        ("", "", "", True), ("\U0001f40e", "^.$", "", True), ("a{", r"a\{", "", True), ("x", "[x-[x]]", "", False),
    ],
)  # fmt: skip
def test_matches(text: str, pattern: str, flags: str, result: bool) -> None:
    assert call("matches", text, pattern, flags) == ("true" if result else "false")
    node, groups = parse(pattern, flags)
    if "\\1" not in pattern:
        assert (Machine(node, groups).search(evaluation(), text, 0) is not None) is result


@pytest.mark.parametrize(
    "pattern, flags",
    [
        ("(", ""), (")", ""), ("a)", ""), ("[", ""), ("[]", ""), ("[a", ""), ("]", ""), ("}", ""), ("{", ""),
        ("*", ""), ("a**", ""),
        ("a++", ""), ("a{,2}", ""), ("a{2,1}", ""), ("a{", ""), ("a{99999}", ""), ("\\", ""), (r"\b", ""), (r"\A", ""),
        (r"\1", ""), (r"(a)\2", ""), (r"(a\1)", ""), (r"[\1]", ""), (r"[\b]", ""), ("[b-a]", ""), ("[a-c-e]", ""),
        ("[[a]]", ""), ("[a-\\d]", ""), (r"\p{Foo}", ""), (r"\p{IsFoo}", ""), (r"\pL", ""), (r"\p{ Lu}", ""),
        ("(?=a)", ""),
        ("(?<n>a)", ""), ("(?i)a", ""), ("a", "q"), ("a", "X"), ("a", " "), ("(" * 50 + ")" * 50, ""),
        ("a" * (MAX_PATTERN + 1), ""),
        ("[" * 60, ""), ("a{1000}{1000}", ""),
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_null(pattern: str, flags: str) -> None:
    with pytest.raises(BadPattern):
        pattern_of(pattern, flags)
    assert call("matches", "abc", pattern, flags) == "null"


@pytest.mark.parametrize(
    "text, pattern, replacement, flags, result",
    [
        ("abcd", "(ab)|(a)", "[1=$1][2=$2]", "", '"[1=ab][2=]cd"'), ("abracadabra", "bra", "*", "", '"a*cada*"'),
        ("abracadabra", "a.*a", "*", "", '"*"'), ("abracadabra", "a.*?a", "*", "", '"*c*bra"'),
        ("abracadabra", "a(.)", "a$1$1", "", '"abbraccaddabbra"'), ("AAAA", "A+", "b", "", '"b"'),
        ("AAAA", "A+?", "b", "", '"bbbb"'),
        ("darted", "^(.*?)d(.*)$", "$1c$2", "", '"carted"'),
        ("facetiously", "[iouy]", "[$0]", "", '"facet[i][o][u]sl[y]"'),
        ("abc", "b", r"\$\\", "", '"a$\\\\c"'), ("abc", "(b)", "$12", "", '"ab2c"'), ("abc", "b", "$1", "", '"ac"'),
        ("abc", "b", "$", "", "null"), ("abc", "b", "$x", "", "null"), ("abc", "b", "\\n", "", "null"),
        ("abc", "b*", "x", "", "null"),
        ("abc", "^", "x", "", "null"), ("abc", "B", "x", "i", '"axc"'), ("", "a", "x", "", '""'),
    ],
)  # fmt: skip
def test_replace(text: str, pattern: str, replacement: str, flags: str, result: str) -> None:
    assert call("replace", text, pattern, replacement, flags) == result


@pytest.mark.parametrize(
    "text, delimiter, result",
    [
        ("John Doe", r"\s", '["John", "Doe"]'), ("a;b;c;;", ";", '["a", "b", "c", "", ""]'), ("abc", "x", '["abc"]'),
        ("", "x", '[""]'), ("a1b22c", r"\d+", '["a", "b", "c"]'), ("abc", "", "null"), ("abc", "x*", "null"),
        ("abc", "(", "null"),
    ],
)  # fmt: skip
def test_split(text: str, delimiter: str, result: str) -> None:
    assert call("split", text, delimiter) == result


@pytest.mark.parametrize(
    "pattern, text",
    [
        ("(a+)+b", "a" * 5_000), ("(a|aa)+b", "a" * 5_000), ("(a*)*b", "a" * 5_000), ("(.*)*x", "a" * 5_000),
        ("a?" * 30 + "a{30}b", "a" * 30), ("(a|b|ab)*c", "ab" * 2_000), ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 5_000),
        (".*.*.*.*x", "a" * 5_000), (r"(x+x+)+y", "x" * 5_000), ("(a{0,30}){0,30}b", "a" * 500),
        (r"(\w|\d)*!", "1" * 2_000),
    ],
)  # fmt: skip
def test_hostile_patterns_take_no_longer_than_others(pattern: str, text: str) -> None:
    ev = evaluation(steps=3_000_000)
    assert pattern_of(pattern, "").is_in(ev, text) is False


@pytest.mark.parametrize("pattern", [r"(a+)+\1b", "((a{0,1000}){0,1000}){0,1000}b"])
def test_what_would_take_too_long_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern, match=r"too long|too large"):
        pattern_of(pattern, "").is_in(evaluation(), "a" * 5_000)


def test_a_long_search_uses_up_the_budget() -> None:
    with pytest.raises(BudgetExceeded):
        pattern_of("(a|aa)+b", "").is_in(evaluation(steps=1_000), "a" * 5_000)


def test_many_matches_in_a_long_text_are_cheap() -> None:
    ev = evaluation(steps=300_000)
    assert len(list(pattern_of(",", "").split(ev, "x," * 50_000))) == 50_001


CHARS = st.sampled_from("ab\n").map(lambda char: One(((ord(char), ord(char)),)))
EDGES = st.sampled_from(["start", "end", "line start", "line end"]).map(Edge)
QUANTIFIERS = st.sampled_from([(0, 1), (0, None), (1, None), (2, 3), (0, 2), (2, 2)])
NODES: st.SearchStrategy[Node] = st.recursive(
    CHARS | EDGES | st.just(One(((97, 98),))),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: Sequence(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda options: Choice(tuple(options)))
        | st.builds(lambda part, times, lazy: Repeat(part, *times, lazy), inner, QUANTIFIERS, st.booleans())
    ),
    max_leaves=5,
)


@given(NODES, st.text("ab\n", max_size=6))
def test_the_machine_finds_what_re_finds(node: Node, text: str) -> None:
    whole = Group(1, node)
    match = re.compile(source_of(whole)).search(text)
    found = Machine(whole, 1).search(evaluation(), text, 0)
    assert (found is None) == (match is None)
    if found is not None and match is not None:
        assert found[0] == match.start()
        if can_tell(node):
            assert found == (*match.span(), *match.span(1))


def can_tell(node: Node) -> bool:
    """Tell whether no repeated part can be empty: there ``re`` and others differ in when to stop."""
    if isinstance(node, Repeat):
        return re.fullmatch(source_of(node.part), "") is None and not has_edges(node.part) and can_tell(node.part)
    parts = node.parts if isinstance(node, Sequence) else node.options if isinstance(node, Choice) else ()
    return all(map(can_tell, parts))


def has_edges(node: Node) -> bool:
    if isinstance(node, Repeat):
        return has_edges(node.part)
    parts = node.parts if isinstance(node, Sequence) else node.options if isinstance(node, Choice) else ()
    return isinstance(node, Edge) or any(map(has_edges, parts))


@given(NODES, st.integers(0, 40))
def test_there_are_never_fewer_ways_than_one(node: Node, length: int) -> None:
    assert 1 <= ways(node, length) <= ways(node, length + 1)


@given(st.text("ab()[]{}|*+?^$.\\-,0123pdwLI", max_size=12), st.text("smix", max_size=3), st.text(max_size=6))
def test_any_text_is_a_pattern_or_refused(pattern: str, flags: str, text: str) -> None:
    try:
        found = pattern_of(pattern, flags)
        found.is_in(evaluation(), text)
        found.replaced(evaluation(), text, "x")
    except BadPattern:
        pass


def test_both_ways_to_match_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []

    class Watched(Machine):
        def search(self, ev: Evaluation, text: str, start: int) -> tuple[int, ...] | None:
            searched.append(text)
            return super().search(ev, text, start)

    monkeypatch.setattr(module, "Machine", Watched)
    module.Pattern("(a+)+b", "").is_in(evaluation(), "a" * 100)
    module.Pattern("[a-z]+@[a-z]+", "").is_in(evaluation(), "somebody@example")
    assert searched == ["a" * 100]


def test_every_character_is_in_its_category() -> None:
    for code in range(0, sys.maxunicode + 1, 7):
        of = charsets.category(unicodedata.category(chr(code)))
        assert of is not None
        assert charsets.holds(of, chr(code))
    assert charsets.category("Xx") is None


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=4).map(
    lambda spans: charsets.charset((low, low + more) for low, more in spans)
)


@given(RANGES, RANGES, st.integers(0, 80))
def test_sets_of_characters(a: charsets.Charset, b: charsets.Charset, code: int) -> None:
    char = chr(code)
    assert charsets.holds(charsets.complement(a), char) is not charsets.holds(a, char)
    assert charsets.holds(charsets.without(a, b), char) is (charsets.holds(a, char) and not charsets.holds(b, char))
    assert charsets.complement(charsets.complement(a)) == a
