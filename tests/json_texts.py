"""Strategies for what a server may send instead of the JSON it should."""

import json

from hypothesis import strategies as st


def json_values(names: tuple[str, ...] = (), texts: tuple[str, ...] = ()) -> st.SearchStrategy[object]:
    """Any JSON value, often with members of these names and with these texts."""
    name = st.sampled_from(names) | st.text(max_size=5) if names else st.text(max_size=5)
    text = st.sampled_from(texts) | st.text(max_size=20) if texts else st.text(max_size=20)
    scalar = st.none() | st.booleans() | st.integers() | st.floats() | text
    return st.recursive(
        scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(name, inner, max_size=4), max_leaves=12
    )


def json_bytes(names: tuple[str, ...] = (), texts: tuple[str, ...] = ()) -> st.SearchStrategy[bytes]:
    """JSON with such values (NaN and lone surrogates included), the same cut or with a byte changed, or any bytes."""
    whole = json_values(names, texts).map(lambda value: json.dumps(value, ensure_ascii=False)).map(_encoded)
    escaped = json_values(names, texts).map(lambda value: json.dumps(value).encode())
    well_formed = whole | escaped

    @st.composite
    def damaged(draw: st.DrawFn) -> bytes:
        body = draw(well_formed)
        place = draw(st.integers(0, len(body)))
        return body[:place] + draw(st.binary(max_size=3)) + body[place + draw(st.integers(0, 2)) :]

    return well_formed | damaged() | st.binary(max_size=200)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
