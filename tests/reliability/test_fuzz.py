"""Requests made from the OpenAPI document, right ones and wrong ones: none is answered with 5xx,
and every answer is one that the document describes."""

import os
from collections import Counter
from pathlib import Path

import schemathesis
from conftest import FakeEncoder, FakeReader, article
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation.modes import GenerationMode
from schemathesis.python.asgi import get_client
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.store import Store

REQUESTS = 10_000 if os.environ.get("DATELINE_RELIABILITY") == "full" else 2_000
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_every_answer_to_a_fuzzed_request_is_documented(tmp_path: Path) -> None:
    store = Store.create(tmp_path, FakeEncoder.name)
    index = EmbeddedIndex(tmp_path / "index", store, FakeEncoder.dimension)
    engine = Dateline(store, index, FakeEncoder(), FakeReader)
    list(engine.ingest([article("Of the storm the answer: Tuesday 3.5 is read.", "storm")]))
    with get_client(create_app(engine)) as client:
        schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
        operations = [found.ok() for found in schema.get_all_operations()]
        taking = [o for o in operations if o.body or o.path_parameters or o.query]
        assert len(taking) >= 9
        # Any text may be the id of an article: where that is all, there is no wrong request.
        modes = [
            (operation, mode)
            for operation in taking
            for mode in GenerationMode
            if mode is GenerationMode.POSITIVE or operation.body or operation.query
        ]
        statuses: Counter[int] = Counter()
        each = settings(
            max_examples=-(-REQUESTS // len(modes)),
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )

        def send(case: schemathesis.Case) -> None:
            response = case.call(session=client)
            statuses[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        for operation, mode in modes:
            each(given(operation.as_strategy(generation_mode=mode))(send))()
    asked = statuses.total()
    answered = {int(status): n for status, n in sorted(statuses.items())}
    print(f"row 11: {asked} fuzzed requests, answered {answered}")
    assert asked >= REQUESTS * 0.9
    assert statuses.keys() >= {200, 422}
