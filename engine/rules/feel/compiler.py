"""From a tree to a Python function: ``f(ev, variables)`` for an expression, ``f(ev, variables, tested)`` for tests.

An expression of FEEL becomes one of Python, with statements before it where it needs some. Code that runs for each
element or at each call becomes a function within the function, which sees the variables around it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from engine.rules.feel import code, nodes
from engine.rules.feel.emission import Block, Environment
from engine.rules.feel.parser import parse_expression, parse_unary_tests
from engine.rules.feel.problems import bounded_text
from engine.rules.feel.runtime import RUNTIME
from engine.rules.feel.temporal import parse_temporal
from engine.rules.feel.type_resolution import parameters_of, resolve

if TYPE_CHECKING:
    from engine.rules.feel.evaluation import Evaluation
    from engine.rules.feel.nodes import Node, TypeNode
    from engine.rules.feel.scope import Scope
    from engine.rules.feel.types import Type
    from engine.rules.feel.values import Value

TESTED: Final = "?"
Compiled = Callable[["Evaluation", Mapping[str, "Value"]], "Value"]
CompiledTests = Callable[["Evaluation", Mapping[str, "Value"], "Value"], "bool | None"]
TypeLookup = Callable[[str], "Type | None"]

_ARITHMETIC: Final = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "**": "exponent"}
_COMPARISON: Final = {
    "=": "equals", "!=": "not_equals", "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal",
}  # fmt: skip


def no_types(_name: str) -> Type | None:
    """Know no types but FEEL's own."""
    return None


def compile_expression(text: str, scope: Scope, types: TypeLookup = no_types) -> Compiled:
    """Compile an expression. It is called with an evaluation, and the values of the scope's names.

    Raises FeelSyntaxError.
    """
    node = parse_expression(text, scope)
    return cast("Compiled", _compile(text, node, scope, types, ()))


def compile_node(title: str, node: Node, scope: Scope, types: TypeLookup = no_types) -> Compiled:
    """Compile a tree that is not all written as one text; ``title`` is what tracebacks call it."""
    return cast("Compiled", _compile(title, node, scope, types, ()))


def compile_tests(text: str, scope: Scope, types: TypeLookup = no_types) -> CompiledTests:
    """Compile unary tests. They are called as expressions are, and with the value that is tested.

    Raises FeelSyntaxError.
    """
    return compile_test_tree(text, parse_unary_tests(text, scope), scope, types)


def compile_test_tree(title: str, node: nodes.UnaryTests, scope: Scope, types: TypeLookup = no_types) -> CompiledTests:
    """Compile tests that were read already; see :func:`compile_node`."""
    return cast("CompiledTests", _compile(title, node, scope, types, (TESTED,)))


class LazyTests:
    """Tests that are compiled when they are first asked for: of a large table, few ever are."""

    __slots__ = ("_compiled", "_make")

    def __init__(self, title: str, node: nodes.UnaryTests, scope: Scope, types: TypeLookup = no_types) -> None:
        self._compiled: CompiledTests | None = None
        self._make = partial(compile_test_tree, title, node, scope, types)

    def __call__(self, ev: Evaluation, variables: Mapping[str, Value], tested: Value) -> bool | None:
        """Tell whether the tests hold."""
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = self._make()
        return compiled(ev, variables, tested)


class Fixed:
    """An expression that is a constant."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __call__(self, ev: Evaluation, variables: Mapping[str, Value]) -> Value:
        """Return the constant."""
        return self.value


def _compile(text: str, node: Node, scope: Scope, types: TypeLookup, given: tuple[str, ...]) -> Callable[..., Any]:
    with bounded_text(text):
        return _built(text, node, scope, types, given)


def _built(text: str, node: Node, scope: Scope, types: TypeLookup, given: tuple[str, ...]) -> Callable[..., Any]:
    constants: dict[str, Any] = {}
    compiler = _Compiler(types, constants)
    environment = Environment(scope)
    block = Block()
    for one in given:
        environment = environment.with_local(one, "tested")
    result = compiler.emit(node, environment, block)
    loads = [
        code.assign(variable, code.call("variable_of", code.name("variables"), code.constant(name)))
        for name, variable in environment.loaded.items()
    ]
    parameters = ["ev", "variables", *("tested" for _ in given)]
    definition = code.function("expression", parameters, [*loads, *block.statements, ast.Return(result)])
    return code.build(f"<FEEL {text[:60]!r}>", definition, {**RUNTIME, **constants})


class _Compiler:
    def __init__(self, types: TypeLookup, constants: dict[str, Any]) -> None:
        self._types = types
        self._constants = constants
        self._count = 0

    def emit(self, node: Node, env: Environment, block: Block) -> ast.expr:
        """Return the expression for a node, after what statements it needs."""
        return _EMITTERS[type(node)](self, node, env, block)

    def _fresh(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _kept(self, value: object) -> ast.expr:
        """Return the name of a constant that Python's code cannot hold itself."""
        name = self._fresh("k")
        self._constants[name] = value
        return code.name(name)

    def _held(self, value: ast.expr, block: Block) -> ast.expr:
        """Return something that may be used twice: a variable that holds the value."""
        if isinstance(value, ast.Name | ast.Constant):
            return value
        name = self._fresh("v")
        block.add(code.assign(name, value))
        return code.name(name)

    def _problem(self, text: str) -> ast.expr:
        return code.call("problem", code.name("ev"), code.constant(text))

    # -- values ------------------------------------------------------------------------------------------------------

    def emit_constant(self, node: nodes.Constant, env: Environment, block: Block) -> ast.expr:
        value = node.value
        return code.constant(value) if value is None or isinstance(value, bool | str) else self._kept(value)

    def emit_moment(self, node: nodes.Moment, env: Environment, block: Block) -> ast.expr:
        value = parse_temporal(node.text)
        return self._kept(value) if value is not None else self._problem(f"@{node.text!r} is no day, time or duration")

    def emit_name(self, node: nodes.Name, env: Environment, block: Block) -> ast.expr:
        found = env.find(node.name)
        value = self._problem(f"there is no {node.name!r} here") if found.value is None else found.value
        if found.builtin is not None:
            value = self._kept(found.builtin)
        for item in reversed(found.items):
            value = code.call("entry_or", code.name(item), code.constant(node.name), value)
        return value

    def emit_list_node(self, node: nodes.ListNode, env: Environment, block: Block) -> ast.expr:
        return code.many([self.emit(item, env, block) for item in node.items])

    def emit_context_node(self, node: nodes.ContextNode, env: Environment, block: Block) -> ast.expr:
        entries: list[tuple[str, ast.expr]] = []
        for name, entry in node.entries:
            variable = self._fresh("v")
            # A function may call itself by the name that it is given here.
            inner = env.with_local(name, variable)
            value = self.emit(entry, inner if isinstance(entry, nodes.FunctionDefinition) else env, block)
            block.add(code.assign(variable, value))
            entries.append((name, code.name(variable)))
            env = inner
        return code.mapping(entries)

    def emit_range_node(self, node: nodes.RangeNode, env: Environment, block: Block) -> ast.expr:
        low = code.constant(None) if node.low is None else self.emit(node.low, env, block)
        high = code.constant(None) if node.high is None else self.emit(node.high, env, block)
        if node.low is None or node.high is None:
            closed = code.constant(node.low_closed or node.high_closed)
            return code.call("open_range", code.name("ev"), low, high, closed)
        ends = code.constant(node.low_closed), code.constant(node.high_closed)
        return code.call("range_of", code.name("ev"), low, high, *ends)

    # -- operators ---------------------------------------------------------------------------------------------------

    def emit_negation(self, node: nodes.Negation, env: Environment, block: Block) -> ast.expr:
        return code.call("negate", code.name("ev"), self.emit(node.operand, env, block))

    def emit_arithmetic(self, node: nodes.Arithmetic, env: Environment, block: Block) -> ast.expr:
        return self._operation(_ARITHMETIC[node.sign], (node.left, node.right), env, block)

    def emit_comparison(self, node: nodes.Comparison, env: Environment, block: Block) -> ast.expr:
        return self._operation(_COMPARISON[node.sign], (node.left, node.right), env, block)

    def emit_between(self, node: nodes.Between, env: Environment, block: Block) -> ast.expr:
        return self._operation("between", (node.value, node.low, node.high), env, block)

    def _operation(self, name: str, operands: tuple[Node, ...], env: Environment, block: Block) -> ast.expr:
        return code.call(name, code.name("ev"), *(self.emit(operand, env, block) for operand in operands))

    def emit_junction(self, node: nodes.Junction, env: Environment, block: Block) -> ast.expr:
        left = self._held(self.emit(node.left, env, block), block)
        decided = node.kind == "or"
        inner = Block()
        right = self.emit(node.right, env, inner)
        join = code.call("disjunction" if decided else "conjunction", left, right)
        return self._either(code.is_constant(left, decided), (Block(), code.constant(decided)), (inner, join), block)

    def emit_if(self, node: nodes.If, env: Environment, block: Block) -> ast.expr:
        condition = self.emit(node.condition, env, block)
        then, otherwise = Block(), Block()
        yes, no = self.emit(node.then, env, then), self.emit(node.otherwise, env, otherwise)
        return self._either(code.is_constant(condition, True), (then, yes), (otherwise, no), block)

    def _either(
        self, condition: ast.expr, yes: tuple[Block, ast.expr], no: tuple[Block, ast.expr], block: Block
    ) -> ast.expr:
        """Return one of two values; only what is needed for it is done."""
        if not yes[0].statements and not no[0].statements:
            return ast.IfExp(condition, yes[1], no[1])
        result = self._fresh("v")
        branches = [[*part.statements, code.assign(result, value)] for part, value in (yes, no)]
        block.add(ast.If(condition, branches[0], branches[1]))
        return code.name(result)

    def emit_instance_of(self, node: nodes.InstanceOf, env: Environment, block: Block) -> ast.expr:
        value = self.emit(node.value, env, block)
        type_ = self._type(node.type)
        if type_ is None:
            return self._problem("the type after 'instance of' is not known")
        return code.call("instance_of", value, self._kept(type_))

    def _type(self, node: TypeNode) -> Type | None:
        return resolve(node, self._types)

    # -- tests -------------------------------------------------------------------------------------------------------

    def emit_in(self, node: nodes.In, env: Environment, block: Block) -> ast.expr:
        tested = self._held(self.emit(node.value, env, block), block)
        return self._any_of(tested, node.tests, env, block)

    def emit_unary_tests(self, node: nodes.UnaryTests, env: Environment, block: Block) -> ast.expr:
        if node.anything:
            return code.constant(True)
        held = self._any_of(code.name("tested"), node.tests, env, block)
        return code.call("negation", held) if node.negated else held

    def emit_sign_test(self, node: nodes.SignTest, env: Environment, block: Block) -> ast.expr:
        tested = env.find(TESTED).value
        if tested is None:
            return self._problem(f"a test '{node.sign} ...' stands where nothing is tested")
        return self._one_test(tested, node, env, block)

    def _any_of(self, tested: ast.expr, tests: tuple[Node, ...], env: Environment, block: Block) -> ast.expr:
        found = [self._one_test(tested, test, env, block) for test in tests]
        return found[0] if len(found) == 1 else code.call("any_of", code.many(found))

    def _one_test(self, tested: ast.expr, test: Node, env: Environment, block: Block) -> ast.expr:
        if isinstance(test, nodes.SignTest):
            operand = self.emit(test.operand, env, block)
            return code.call(_COMPARISON[test.sign], code.name("ev"), tested, operand)
        if isinstance(test, nodes.Constant) and test.value is None:
            # Null that is written down is asked for: "not(null)" is what is there. Null that comes of an expression is
            # an error of it.
            return code.call("equals", code.name("ev"), tested, code.constant(None))
        judged = isinstance(test, nodes.RangeNode) or nodes.mentions(test, TESTED)
        function = "own_test" if judged else "in_test"
        return code.call(function, code.name("ev"), tested, self.emit(test, env, block))

    # -- paths, filters, calls ---------------------------------------------------------------------------------------

    def emit_path(self, node: nodes.Path, env: Environment, block: Block) -> ast.expr:
        value = self.emit(node.value, env, block)
        return code.call("property_of", code.name("ev"), value, code.constant(node.name))

    def emit_filter(self, node: nodes.Filter, env: Environment, block: Block) -> ast.expr:
        value = self.emit(node.value, env, block)
        if isinstance(node.condition, nodes.Constant) and not isinstance(node.condition.value, bool):
            return code.call("element", code.name("ev"), value, self.emit(node.condition, env, block))
        item = self._fresh("v")
        condition = self._function((item,), node.condition, env.with_item(item), block)
        return code.call("filtered", code.name("ev"), value, condition)

    def emit_call(self, node: nodes.Call, env: Environment, block: Block) -> ast.expr:
        function = self.emit(node.function, env, block)
        arguments = [self.emit(argument, env, block) for argument in node.arguments]
        if not node.names:
            return code.call("call", code.name("ev"), function, code.many(arguments))
        if len(set(node.names)) != len(node.names):
            return self._problem("a function was called with two arguments of one name")
        named = code.mapping(list(zip(node.names, arguments, strict=True)))
        return code.call("call_named", code.name("ev"), function, named)

    def emit_conformed(self, node: nodes.Conformed, env: Environment, block: Block) -> ast.expr:
        return ast.Call(self._kept(node.conform), [code.name("ev"), self.emit(node.value, env, block)], [])

    def emit_table_node(self, node: nodes.TableNode, env: Environment, block: Block) -> ast.expr:
        variables = [(name, self.emit_name(nodes.Name(node.at, name), env, block)) for name in node.variables]
        inputs = code.many([self.emit(one, env, block) for one in node.inputs])
        return ast.Call(self._kept(node.decide), [code.name("ev"), code.mapping(variables), inputs], [])

    # -- functions within the function -------------------------------------------------------------------------------

    def _function(self, parameters: tuple[str, ...], body: Node, env: Environment, block: Block) -> ast.expr:
        """Define a function of these Python variables; return its name."""
        inner = Block()
        result = self.emit(body, env, inner)
        title = self._fresh("f")
        block.add(code.function(title, parameters, [*inner.statements, ast.Return(result)]))
        return code.name(title)

    def _loops(
        self, iterations: tuple[nodes.Iteration, ...], env: Environment, block: Block
    ) -> tuple[ast.expr, tuple[str, ...], Environment]:
        """Return a list of functions, one for what each loop goes through; the loops' variables; and the scope."""
        domains: list[ast.expr] = []
        variables: tuple[str, ...] = ()
        for one in iterations:
            inner = Block()
            domain = self.emit(one.domain, env, inner)
            if one.to is not None:
                domain = code.call("counted", code.name("ev"), domain, self.emit(one.to, env, inner))
            title = self._fresh("f")
            block.add(code.function(title, variables, [*inner.statements, ast.Return(domain)]))
            domains.append(code.name(title))
            variable = self._fresh("v")
            variables = (*variables, variable)
            env = env.with_local(one.name, variable)
        return code.many(domains), variables, env

    def emit_for(self, node: nodes.For, env: Environment, block: Block) -> ast.expr:
        domains, variables, env = self._loops(node.iterations, env, block)
        partial = self._fresh("v")
        body = self._function((*variables, partial), node.body, env.with_local("partial", partial), block)
        return code.call("for_each", code.name("ev"), domains, body)

    def emit_quantified(self, node: nodes.Quantified, env: Environment, block: Block) -> ast.expr:
        domains, variables, env = self._loops(node.iterations, env, block)
        condition = self._function(variables, node.condition, env, block)
        return code.call("quantified", code.name("ev"), domains, condition, code.constant(node.kind == "every"))

    def emit_function_definition(self, node: nodes.FunctionDefinition, env: Environment, block: Block) -> ast.expr:
        if node.external:
            return self._problem("functions of other languages are not called")
        parameters = parameters_of(node, self._types)
        if parameters is None:
            return self._problem("a parameter has a type that is not known")
        variables: list[str] = []
        for name, _ in node.parameters:
            variables.append(self._fresh("v"))
            env = env.with_local(name, variables[-1])
        body = self._function(tuple(variables), node.body, env, block)
        return code.call("closure", self._kept(parameters), body)


_EMITTERS: Final[Mapping[type, Callable[[_Compiler, Any, Environment, Block], ast.expr]]] = {
    nodes.Constant: _Compiler.emit_constant,
    nodes.Moment: _Compiler.emit_moment,
    nodes.Name: _Compiler.emit_name,
    nodes.ListNode: _Compiler.emit_list_node,
    nodes.ContextNode: _Compiler.emit_context_node,
    nodes.RangeNode: _Compiler.emit_range_node,
    nodes.Negation: _Compiler.emit_negation,
    nodes.Arithmetic: _Compiler.emit_arithmetic,
    nodes.Comparison: _Compiler.emit_comparison,
    nodes.Between: _Compiler.emit_between,
    nodes.Junction: _Compiler.emit_junction,
    nodes.If: _Compiler.emit_if,
    nodes.InstanceOf: _Compiler.emit_instance_of,
    nodes.In: _Compiler.emit_in,
    nodes.UnaryTests: _Compiler.emit_unary_tests,
    nodes.SignTest: _Compiler.emit_sign_test,
    nodes.Path: _Compiler.emit_path,
    nodes.Filter: _Compiler.emit_filter,
    nodes.Call: _Compiler.emit_call,
    nodes.Conformed: _Compiler.emit_conformed,
    nodes.TableNode: _Compiler.emit_table_node,
    nodes.For: _Compiler.emit_for,
    nodes.Quantified: _Compiler.emit_quantified,
    nodes.FunctionDefinition: _Compiler.emit_function_definition,
}
