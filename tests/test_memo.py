"""What is remembered is what would be computed, and is computed once."""

from embeddings.memo import Memo


class Lengths:
    """Computes the length of words, and keeps which it was asked for."""

    def __init__(self, size: int = 10) -> None:
        self.memo: Memo[str, int] = Memo(size)
        self.computed: list[str] = []

    def of(self, *words: str) -> list[int]:
        def compute(places: list[int]) -> list[int]:
            self.computed += [words[place] for place in places]
            return [len(words[place]) for place in places]

        return self.memo.get(words, compute)


def test_only_what_is_new_is_computed() -> None:
    lengths = Lengths()
    assert lengths.of("a", "bcd") == [1, 3]
    assert lengths.of("bcd", "ef", "a") == [3, 2, 1]
    assert lengths.computed == ["a", "bcd", "ef"]


def test_a_key_given_twice_is_computed_once() -> None:
    lengths = Lengths()
    assert lengths.of("ab", "c", "ab") == [2, 1, 2]
    assert sorted(lengths.computed) == ["ab", "c"]


def test_nothing_is_asked_for_nothing() -> None:
    lengths = Lengths()
    assert lengths.of() == []
    assert lengths.computed == []


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    lengths = Lengths(size=2)
    lengths.of("a", "bc")
    lengths.of("a")
    lengths.of("def")
    lengths.of("a", "def")
    assert lengths.computed == ["a", "bc", "def"]
    lengths.of("bc")
    assert lengths.computed[3:] == ["bc"]


def test_more_at_once_than_it_keeps_is_no_error() -> None:
    assert Lengths(size=1).of("a", "bc", "def") == [1, 2, 3]
