"""The loss by hand: every logit is the log of a number that can be seen."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag.training.features import Batch
from rag.training.loss import reader_loss

UNDECIDED = 0.5 * math.log(2)
"""The relevance term while every relevance is 0: half of -log 0.5."""


def make_batch(*windows: str, questions: tuple[int, ...] | None = None) -> Batch:
    """A letter for each token: C first token, q question, p passage, A answer, _ padding."""
    letters = [list(window) for window in windows]

    def where(*wanted: str) -> torch.Tensor:
        return torch.tensor([[letter in wanted for letter in row] for row in letters])

    return Batch(
        ids=torch.zeros(len(letters), len(letters[0]), dtype=torch.int64),
        mask=(~where("_")).long(),
        types=where("p", "A").long(),
        passage=where("p", "A"),
        starts=where("A"),
        ends=where("A"),
        question=torch.tensor(questions or range(len(letters))),
    )


def logs(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows).log()


def loss(batch: Batch, logits: torch.Tensor, *relevance: float) -> float:
    """With the same logits for starts and ends, and a relevance of 0 unless given."""
    judged = torch.tensor(relevance or [0.0] * len(logits))
    return float(reader_loss(batch, logits, logits, judged))


def approx(value: float) -> float:
    result: float = pytest.approx(value, rel=1e-5)
    return result


# --- one window


def test_the_answer_is_weighed_against_the_passage_and_the_null_slot() -> None:
    # 5 of 1 + 2 + 5; what the question's token says is not asked.
    assert loss(make_batch("CqpA"), logs((1, 100, 2, 5))) == approx(math.log(8 / 5) + UNDECIDED)


def test_starts_and_ends_count_half_each() -> None:
    batch = make_batch("CqpA")
    start, end = logs((1, 100, 2, 5)), logs((1, 100, 2, 1))
    expected = (math.log(8 / 5) + math.log(4 / 1)) / 2 + UNDECIDED
    assert float(reader_loss(batch, start, end, torch.zeros(1))) == approx(expected)


def test_a_window_without_the_answer_is_to_give_the_null_slot() -> None:
    # 1 of 1 + 2 + 1.
    assert loss(make_batch("Cqpp"), logs((1, 100, 2, 1))) == approx(math.log(4) + UNDECIDED)


def test_every_place_of_the_answer_is_right() -> None:
    # 2 + 4 of 1 + 2 + 3 + 4.
    assert loss(make_batch("CApA"), logs((1, 2, 3, 4))) == approx(math.log(10 / 6) + UNDECIDED)


def test_windows_of_several_questions_are_averaged() -> None:
    batch = make_batch("CqpA", "Cqpp")
    logits = logs((1, 100, 2, 5), (1, 100, 2, 1))
    assert loss(batch, logits) == approx((math.log(8 / 5) + math.log(4)) / 2 + UNDECIDED)


# --- the windows of one question


def test_two_windows_share_one_normalisation() -> None:
    batch = make_batch("CqpA", "Cqpp", questions=(0, 0))
    logits = logs((1, 100, 2, 5), (1, 100, 2, 1))
    in_windows = (math.log(8 / 5) + math.log(4)) / 2
    # 5 of 2 + 5 + 2 + 1: passage tokens of both windows, neither null slot.
    assert loss(batch, logits) == approx(in_windows + math.log(10 / 5) + UNDECIDED)


def test_shared_normalisation_is_the_log_softmax_over_both_passages() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, generator=generator)
    together = make_batch("CqppAp", "Cqpppp", questions=(0, 0))
    apart = make_batch("CqppAp", "Cqpppp", questions=(0, 1))
    passages = torch.cat([logits[0, 2:], logits[1, 2:]])
    expected = -float(passages.log_softmax(0)[2])
    assert loss(together, logits) - loss(apart, logits) == approx(expected)


def test_places_in_several_windows_add_up() -> None:
    batch = make_batch("CpA", "CAp", questions=(0, 0))
    logits = logs((1, 1, 3), (1, 4, 2))
    in_windows = (math.log(5 / 3) + math.log(7 / 4)) / 2
    assert loss(batch, logits) == approx(in_windows + math.log(10 / 7) + UNDECIDED)


def test_only_questions_with_an_answer_and_several_windows_share() -> None:
    # Question 0 has one window and question 2 no answer; question 1 alone counts, and whole.
    batch = make_batch("CqpA", "CqpA", "Cqpp", "Cqpp", "Cqpp", questions=(0, 1, 1, 2, 2))
    logits = logs((1, 1, 2, 5), (1, 1, 2, 5), (1, 1, 2, 1), (1, 1, 2, 1), (1, 1, 2, 1))
    in_windows = (2 * math.log(8 / 5) + 3 * math.log(4)) / 5
    assert loss(batch, logits) == approx(in_windows + math.log(10 / 5) + UNDECIDED)


def test_windows_of_one_question_need_not_stand_together() -> None:
    logits = logs((1, 1, 2, 5), (1, 1, 3, 1), (1, 1, 2, 1))
    apart = make_batch("CqpA", "Cqpp", "Cqpp", questions=(0, 1, 0))
    together = make_batch("CqpA", "Cqpp", "Cqpp", questions=(0, 0, 1))
    assert loss(apart, logits) == approx(loss(together, logits[[0, 2, 1]]))


# --- relevance


@pytest.mark.parametrize(
    ("relevance", "expected"),
    [
        ((0.0, 0.0), math.log(2)),
        # 3 to 1 that it is relevant: 3/4 is given to "yes", 1/4 to "no".
        ((math.log(3), 0.0), (math.log(4 / 3) + math.log(2)) / 2),
        ((0.0, math.log(3)), (math.log(2) + math.log(4)) / 2),
        ((50.0, -50.0), 0.0),
    ],
)
def test_relevance_is_whether_the_window_holds_the_answer(
    relevance: tuple[float, float], expected: float
) -> None:
    batch = make_batch("CqpA", "Cqpp")
    logits = logs((1, 1, 1, 1), (1, 1, 1, 1))
    assert loss(batch, logits, *relevance) == approx(math.log(3) + 0.5 * expected)


# --- what has no influence, and what must stay finite

WINDOWS = ["CqpA", "Cqpp", "CApA", "C___", "Cq__"]


@given(
    st.lists(st.tuples(st.sampled_from(WINDOWS), st.integers(0, 2)), min_size=1, max_size=5),
    st.sampled_from([1.0, 100.0, 1e4]),
    st.integers(0, 99),
)
def test_loss_and_gradient_are_finite_and_padding_has_none(
    windows: list[tuple[str, int]], scale: float, seed: int
) -> None:
    numbers = {number: place for place, number in enumerate(dict.fromkeys(n for _, n in windows))}
    batch = make_batch(*(w for w, _ in windows), questions=tuple(numbers[n] for _, n in windows))
    generator = torch.Generator().manual_seed(seed)
    logits = (scale * torch.randn(2, len(windows), 4, generator=generator)).requires_grad_()
    relevance = (scale * torch.randn(len(windows), generator=generator)).requires_grad_()
    value = reader_loss(batch, logits[0], logits[1], relevance)
    torch.autograd.backward(value)
    assert value.isfinite()
    assert value >= -1e-6 * scale
    assert logits.grad is not None
    assert relevance.grad is not None
    assert logits.grad.isfinite().all()
    assert relevance.grad.isfinite().all()
    unread = ~batch.passage
    unread[:, 0] = False
    assert not logits.grad[:, unread].any()
    with torch.no_grad():
        logits[:, unread] = 1e6
        assert torch.equal(reader_loss(batch, logits[0], logits[1], relevance), value)


def test_a_step_down_the_gradient_makes_the_answer_likelier() -> None:
    batch = make_batch("CqpA", "Cqpp", questions=(0, 0))
    logits = torch.zeros(2, 4, requires_grad=True)
    torch.autograd.backward(reader_loss(batch, logits, logits, torch.zeros(2)))
    assert logits.grad is not None
    # Down for what is wrong, up for the answer and for the null slot of the other window.
    assert logits.grad.sign().tolist() == [[1, 0, 1, -1], [-1, 0, 1, 1]]
