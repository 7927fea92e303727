"""PDF files made by hand: what stands where on which page is all there is to them."""

from collections.abc import Mapping, Sequence

from rag.layout import Line


def pdf(pages: Sequence[Sequence[Line]], info: Mapping[str, str] | None = None) -> bytes:
    """A PDF whose pages show these lines in Helvetica, in their order; `info` holds its
    properties, as in {"Title": "Bridge shut"}."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, page in enumerate(pages):
        shown = b"".join(_shown(line) for line in page)
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {5 + 2 * number} 0 R"
            "/Resources<</Font<</F 3 0 R>>>>>>".encode(),
            b"<</Length %d>>stream\n%s\nendstream" % (len(shown), shown),
        ]
    properties = "".join(f"/{key}({value})" for key, value in (info or {}).items())
    objects.append(f"<<{properties}>>".encode("cp1252"))

    raw, starts = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        starts.append(len(raw))
        raw += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    return raw + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R/Info %d 0 R>>"
        b"\nstartxref\n%d\n%%%%EOF\n" % (size, table, size, len(objects), len(raw))
    )


def _shown(line: Line) -> bytes:
    text = line.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    place = f"BT /F {line.size} Tf {line.x} {line.y} Td (".encode()
    return place + text.encode("cp1252") + b") Tj ET\n"


def column(*texts: str, x: float = 50, top: float = 700, size: float = 10) -> list[Line]:
    """Lines one below the other, 12 points apart; an empty text leaves a line free."""
    return [Line(text, x, top - 12 * n, size) for n, text in enumerate(texts) if text]
