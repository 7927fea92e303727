"""The command that shows a collection in numbers."""

import typer
from rich.console import Console
from rich.text import Text

from api.options import AsJson, DataDir, print_json, read_settings

app = typer.Typer()

_MOST_LANGUAGES = 5
_NO_INDEX = "in memory, until there is more to search"


@app.command(epilog="Example: dateline stats --json")
def stats(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the collection in numbers: articles, outlets, dates, languages, size on disk."""
    from api.overview import CollectionOut
    from rag.overview import Overview
    from rag.store import Store

    def lines(overview: Overview) -> dict[str, str]:
        days = [d for d in (overview.first_published, overview.last_published) if d is not None]
        languages = [f"{code} {count:,}" for code, count in overview.languages.items()]
        more = len(languages) - _MOST_LANGUAGES
        shown = languages[:_MOST_LANGUAGES] + ([f"{more} more"] if more > 0 else [])
        undated = f"{overview.undated:,} without a date" if overview.undated else ""
        published = " to ".join(dict.fromkeys(map(str, days)))
        return {
            "articles": f"{overview.articles:,}",
            "passages": f"{overview.passages:,}",
            "stories": f"{overview.stories:,} told by more than one article",
            "outlets": f"{overview.outlets:,}",
            "published": "; ".join(filter(None, (published, undated))) or "-",
            "languages": ", ".join(shown) or "-",
            "database": _size(overview.database_bytes),
            "index": _size(overview.index_bytes) if overview.index_bytes else _NO_INDEX,
        }

    # Nothing is asked: no model needs to be loaded.
    settings = read_settings(data_dir)
    with Store.open(settings.folder, settings.url) as store:
        overview = store.overview()
    if as_json:
        print_json(CollectionOut.of(overview).model_dump_json(indent=2))
        return
    console = Console(highlight=False)
    for name, value in lines(overview).items():
        console.print(Text.assemble((f"{name:<9}  ", "bold"), value), soft_wrap=True)


def _size(number: int) -> str:
    """A number of bytes in the largest unit of which there is one, as in 12.3 MB."""
    size = float(number)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.1f} {unit}" if unit != "bytes" else f"{number} bytes"
        size /= 1000
    return f"{size:.1f} GB"
