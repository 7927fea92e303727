"""The commands that show and remove stored articles."""

import json
from typing import Annotated

import typer

from api.options import ArticleId, AsJson, DataDir, open_collection, print_json

_MOST = 2**31 - 1

app = typer.Typer(
    name="articles",
    no_args_is_help=True,
    help="List, show and delete stored articles.",
    epilog="Example: dateline articles list --limit 5",
)


@app.command(
    "list",
    epilog="Examples:\n\n"
    "dateline articles list --limit 100 --offset 100\n\n"
    "dateline articles list --json | jq -r '.articles[].id'",
)
def list_articles(
    data_dir: DataDir = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="Articles to show.")] = 50,
    offset: Annotated[int, typer.Option(min=0, max=_MOST, help="Articles to pass over.")] = 0,
) -> None:
    """List articles, newest first."""
    from api.schemas import ArticleOut, ArticlesOut
    from api.terminal import output, print_articles

    with open_collection(data_dir) as engine:
        total, _ = engine.counts()
        found = engine.articles(limit, offset)
    if as_json:
        listing = ArticlesOut(total=total, articles=[ArticleOut.of(article) for article in found])
        print_json(listing.model_dump_json(indent=2))
    else:
        print_articles(found, total, output())


@app.command("show", epilog="Example: dateline articles show ledger-ferry-collision")
def show_article(article_id: ArticleId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one article as it is stored, and what cleaning removed."""
    from api.schemas import FullArticleOut
    from api.terminal import output, print_article

    with open_collection(data_dir) as engine:
        article = engine.article(article_id)
    if as_json:
        print_json(FullArticleOut.of(article).model_dump_json(indent=2))
    else:
        print_article(article, output())


@app.command("delete", epilog="Example: dateline articles delete ledger-ferry-collision")
def delete_article(
    article_id: ArticleId, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Remove one article from the collection."""
    with open_collection(data_dir) as engine:
        engine.delete(article_id)
    if as_json:
        print_json(json.dumps({"deleted": article_id}))
    else:
        print(f"deleted {article_id}")
