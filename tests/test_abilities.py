import pytest

from rag.abilities import ALL_ABILITIES, Abilities
from rag.errors import InputError


def test_all_are_on_but_those_switched_off() -> None:
    assert Abilities(True, True, True, True, True, True) == ALL_ABILITIES
    assert ALL_ABILITIES.without([]) == ALL_ABILITIES
    off = ALL_ABILITIES.without(["names", "stories", "names"])
    assert off == Abilities(stories=False, names=False)


def test_an_unknown_one_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no ability 'Names'; expected one of: stories, .*names"):
        ALL_ABILITIES.without(["Names"])
