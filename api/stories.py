"""The command that shows which articles are one story."""

from typing import Annotated

import typer

from api.options import AsJson, DataDir, open_collection, print_json, stored_ids

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n"
    "dateline stories --limit 5\n\n"
    "dateline stories wire-0412  (the story that this article tells)"
)
def stories(
    article_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ARTICLE_ID",
            show_default=False,
            help="Only the story of this article.",
            autocompletion=stored_ids,
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="Stories to show.")] = 20,
) -> None:
    """List the stories that more than one article tells, newest first.

    Each article is a reprint, a truncated copy or an update of the fullest telling. All of them
    together count as one source of an answer.
    """
    from api.schemas import StoriesOut, StoryOut
    from api.terminal import output, print_stories, print_story

    console = output()
    with open_collection(data_dir) as engine:
        if article_id is not None:
            story = engine.story(article_id)
            if as_json:
                print_json(StoryOut.of(story).model_dump_json(indent=2))
            else:
                print_story(story, console)
            return
        found, total = engine.stories(limit), engine.count_stories()
    if as_json:
        listing = StoriesOut(total=total, stories=[StoryOut.of(story) for story in found])
        print_json(listing.model_dump_json(indent=2))
    else:
        print_stories(found, total, console)
