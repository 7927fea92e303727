"""A guarded service over the storm and the vote, on fakes, in a process of its own."""

import sys
from pathlib import Path

import uvicorn
from conftest import FakeEncoder, FakeReader, article

from api.app import create_app
from api.limits import TimedProtocol
from api.security import Access
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.store import Store


def main(folder: Path, port: int) -> None:
    store = Store.create(folder / "data", FakeEncoder.name)
    index = EmbeddedIndex(folder / "data" / "index", store, FakeEncoder.dimension)
    engine = Dateline(store, index, FakeEncoder(), FakeReader)
    list(engine.ingest([article("Of the storm the answer: Tuesday 3.5 is read.", "storm")]))
    app = create_app(engine, access=Access(folder / "rates"))
    uvicorn.run(app, port=port, http=TimedProtocol, log_level="critical")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
