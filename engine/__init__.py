"""Milepost: durable workflows in plain Python.

Flows and rules are plain Python modules; every step is a message on the broker you already run; every checkpoint is a
row in the SQL database you already run; any worker can pick up any step after any outage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.exports import exports

if TYPE_CHECKING:
    from engine import rules
    from engine.client.asynchronous import AsyncClient
    from engine.client.synchronous import Client
    from engine.definitions.context import StepContext, step_context
    from engine.definitions.flow import Flow, flow
    from engine.definitions.loading import load_modules
    from engine.definitions.publishing import publish
    from engine.definitions.registry import Registry
    from engine.definitions.step import Step, step
    from engine.definitions.trigger import Trigger, by_key, header, on_message
    from engine.driver.awaitables import bounded_map, gather, race, sleep, sleep_until, wait_for_event, with_timeout
    from engine.driver.groups import Winner
    from engine.driver.saga import Saga, saga
    from engine.driver.surroundings import continue_as_new, now, patched, random, uuid
    from engine.errors import (
        AlreadyAwaited,
        ArgumentsError,
        ChildFailed,
        CodecError,
        ConfigError,
        DefinitionError,
        DeterminismError,
        ExecutionFailed,
        ExecutionFinished,
        ExecutionNotFound,
        FlowCancelled,
        FlowTimeout,
        ForeignAwaitable,
        MessageNotFound,
        MessageRefused,
        MilepostError,
        NeverAwaited,
        NonRetryable,
        NothingToRetry,
        NotInFlow,
        NotInStep,
        ResultTimeout,
        RetryAfter,
        SchemaMismatch,
        StartRefused,
        StepFailed,
        StepTimeout,
        StoreError,
        StoreUnavailable,
        Undeliverable,
        UnknownDefinition,
        Unusable,
        ValueTooLarge,
    )
    from engine.model.messages import ByKey, MessageInfo
    from engine.model.retry import Retry

__all__ = [
    "AlreadyAwaited",
    "ArgumentsError",
    "AsyncClient",
    "ByKey",
    "ChildFailed",
    "Client",
    "CodecError",
    "ConfigError",
    "DefinitionError",
    "DeterminismError",
    "ExecutionFailed",
    "ExecutionFinished",
    "ExecutionNotFound",
    "Flow",
    "FlowCancelled",
    "FlowTimeout",
    "ForeignAwaitable",
    "MessageInfo",
    "MessageNotFound",
    "MessageRefused",
    "MilepostError",
    "NeverAwaited",
    "NonRetryable",
    "NotInFlow",
    "NotInStep",
    "NothingToRetry",
    "Registry",
    "ResultTimeout",
    "Retry",
    "RetryAfter",
    "Saga",
    "SchemaMismatch",
    "StartRefused",
    "Step",
    "StepContext",
    "StepFailed",
    "StepTimeout",
    "StoreError",
    "StoreUnavailable",
    "Trigger",
    "Undeliverable",
    "UnknownDefinition",
    "Unusable",
    "ValueTooLarge",
    "Winner",
    "bounded_map",
    "by_key",
    "continue_as_new",
    "flow",
    "gather",
    "header",
    "load_modules",
    "now",
    "on_message",
    "patched",
    "publish",
    "race",
    "random",
    "rules",
    "saga",
    "sleep",
    "sleep_until",
    "step",
    "step_context",
    "uuid",
    "wait_for_event",
    "with_timeout",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "engine.client.asynchronous": "AsyncClient",
        "engine.client.synchronous": "Client",
        "engine.definitions.context": "StepContext step_context",
        "engine.definitions.flow": "Flow flow",
        "engine.definitions.loading": "load_modules",
        "engine.definitions.publishing": "publish",
        "engine.definitions.registry": "Registry",
        "engine.definitions.step": "Step step",
        "engine.definitions.trigger": "Trigger by_key header on_message",
        "engine.driver.awaitables": "bounded_map gather race sleep sleep_until wait_for_event with_timeout",
        "engine.driver.groups": "Winner",
        "engine.driver.saga": "Saga saga",
        "engine.driver.surroundings": "continue_as_new now patched random uuid",
        "engine.errors": (
            "AlreadyAwaited ArgumentsError ChildFailed CodecError ConfigError DefinitionError DeterminismError "
            "ExecutionFailed ExecutionFinished ExecutionNotFound FlowCancelled FlowTimeout ForeignAwaitable "
            "MessageNotFound MessageRefused MilepostError NeverAwaited NonRetryable NothingToRetry NotInFlow "
            "NotInStep ResultTimeout RetryAfter SchemaMismatch StartRefused StepFailed StepTimeout StoreError "
            "StoreUnavailable Undeliverable UnknownDefinition Unusable ValueTooLarge"
        ),
        "engine.model.messages": "ByKey MessageInfo",
        "engine.model.retry": "Retry",
        "engine.rules": "rules",
    },
)
