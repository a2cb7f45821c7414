"""Models at random: complete in themselves, with texts that XML and JSON can hold, and not made to decide."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from engine.rules import model

SIGNS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="\ufffe\uffff")
texts = st.text(SIGNS | st.sampled_from("<>&\"' \n\t"), min_size=1, max_size=12).map(str.strip).filter(bool)
labels = st.none() | st.text(SIGNS | st.sampled_from("<>&\"' \n\t\r"), max_size=8)
names = st.text(SIGNS, min_size=1, max_size=8).map(lambda text: " ".join(text.split())).filter(bool)
ids = st.text("abcdefgh-_1", min_size=1, max_size=6)
types = st.none() | st.sampled_from(["string", "number", "tOwn", "list<number>"])
maybe_texts = st.none() | texts
parameters = st.builds(model.Parameter, names, types)


def tuples(of: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=most).map(tuple)


@st.composite
def tables(draw: st.DrawFn) -> model.DecisionTable:
    inputs = draw(tuples(st.builds(model.InputClause, texts, labels, types, maybe_texts)))
    outputs = draw(tuples(st.builds(model.OutputClause, st.none() | names, labels, types, maybe_texts, maybe_texts)))
    titles = draw(tuples(names, 2))

    def cells(count: int) -> st.SearchStrategy[tuple[str, ...]]:
        return st.tuples(*[texts] * count)

    rule = st.builds(model.Rule, cells(len(inputs)), cells(len(outputs)), cells(len(titles)), st.none() | ids)
    policy = draw(st.sampled_from(["UNIQUE", "FIRST", "COLLECT", "OUTPUT ORDER"]))
    aggregation = draw(st.sampled_from([None, "SUM", "COUNT"]))
    return model.DecisionTable(inputs, outputs, draw(tuples(rule)), policy, aggregation, titles, draw(types))


def _boxes(inner: st.SearchStrategy[model.Expression]) -> st.SearchStrategy[model.Expression]:
    maybe = st.none() | inner
    rows = st.integers(0, 3).flatmap(
        lambda width: st.tuples(st.tuples(*[parameters] * width), tuples(st.tuples(*[inner] * width)))
    )
    return st.one_of(
        st.builds(model.BoxedContext, tuples(st.builds(model.ContextEntry, st.none() | parameters, maybe)), types),
        st.builds(model.Invocation, maybe, tuples(st.builds(model.Binding, parameters, maybe)), types),
        functions(maybe),
        st.builds(lambda made, type_: model.Relation(made[0], made[1], type_), rows, types),
        st.builds(model.BoxedList, tuples(inner), types),
        st.builds(model.Conditional, maybe, maybe, maybe, types),
        st.builds(model.BoxedFilter, maybe, maybe, types),
        st.builds(model.BoxedIterator, st.sampled_from(["for", "some", "every"]), names, maybe, maybe, types),
    )


def functions(body: st.SearchStrategy[model.Expression | None]) -> st.SearchStrategy[model.FunctionDefinition]:
    return st.builds(
        model.FunctionDefinition, tuples(parameters), body, st.sampled_from(["FEEL", "Java", "PMML"]), types
    )


expressions: st.SearchStrategy[model.Expression] = st.recursive(
    st.builds(model.LiteralExpression, texts, types) | tables(), _boxes, max_leaves=5
)
_plain_items = st.builds(
    model.ItemDefinition, names, types, st.just(()), st.booleans(), maybe_texts, maybe_texts, st.none()
)
_functions = st.builds(
    model.ItemDefinition, names, types, st.just(()), st.booleans(), st.none(), st.none(), tuples(parameters)
)
items = st.recursive(
    _plain_items | _functions,
    lambda inner: st.builds(
        model.ItemDefinition, names, st.none(), tuples(inner), st.booleans(), maybe_texts, st.none(), st.none()
    ),
    max_leaves=4,
)


@st.composite
def models(draw: st.DrawFn) -> model.Model:
    known = draw(st.lists(ids, max_size=4, unique=True))
    kinds = draw(st.lists(st.sampled_from("IDKS"), min_size=len(known), max_size=len(known)))
    references = st.lists(st.sampled_from(known), unique=True, max_size=3) if known else st.just([])
    # Information before knowledge, as DMN writes it.
    required = references.map(lambda found: tuple(sorted(found, key=lambda id_: kinds[known.index(id_)] in "KS")))
    elements: list[model.Element] = []
    for id_, kind in zip(known, kinds, strict=True):
        name, type_ = draw(names), draw(types)
        if kind == "I":
            elements.append(model.InputData(id_, name, type_))
        elif kind == "D":
            elements.append(model.Decision(id_, name, type_, draw(st.none() | expressions), draw(required)))
        elif kind == "K":
            function = draw(st.none() | functions(st.none() | expressions))
            elements.append(model.BusinessKnowledgeModel(id_, name, function, type_, draw(required)))
        else:
            four = [draw(required) for _ in range(4)]
            elements.append(model.DecisionService(id_, name, type_, *four))
    imports = draw(tuples(st.builds(model.Import, names, names), 2))
    if len({one.name for one in imports}) + len({one.namespace for one in imports}) < 2 * len(imports):
        imports = ()
    defined = {item.name: item for item in draw(st.lists(items, max_size=3))}
    namespace = draw(names.filter(lambda name: "#" not in name))
    return model.Model(draw(names), namespace, tuple(defined.values()), tuple(elements), imports)
