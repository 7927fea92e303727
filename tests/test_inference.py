"""The inference thread: who is admitted, whose turn it is, and what happens when it dies."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

import numpy as np
import pytest
from conftest import FakeEncoder, article

from api.inference import Inference, Limits, PatientEncoder
from rag.engine import Dateline
from rag.errors import BusyError, ModelError, UnavailableError
from rag.types import Passage

WAIT_S = 10.0
"""Longer than anything here takes; a test that waits so long has failed."""


class Clock:
    """Shows the time that it was set to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Panic(BaseException):
    """What native code raises when it breaks: no Exception."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


def started(dateline: Dateline, clock: Clock, at_once: int) -> Iterator[Inference]:
    limits = Limits(waiting=3, deadline_s=10.0, at_once=at_once)
    threads = Inference(lambda: dateline, limits, restart_s=0.0, clock=clock)
    threads.start()
    threads.loaded.result(WAIT_S)
    yield threads
    threads.stop(WAIT_S)


@pytest.fixture
def inference(dateline: Dateline, clock: Clock) -> Iterator[Inference]:
    """One thread with room for 3 that wait 10 s at most; if it dies it is started again at once."""
    yield from started(dateline, clock, at_once=1)


@contextmanager
def busy(inference: Inference, passages: int = 0) -> Iterator[None]:
    """The thread is at work meanwhile, on a call that reads so many passages."""
    begun, let_go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert let_go.wait(WAIT_S)

    future = inference.submit(work, passages)
    assert begun.wait(WAIT_S)
    try:
        yield
    finally:
        let_go.set()
        future.result(WAIT_S)


def raising(error: BaseException) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


# --- turns


def test_calls_run_in_their_order_on_one_thread(inference: Inference) -> None:
    ran: list[tuple[int, str]] = []

    def call(number: int) -> Callable[[], int]:
        def run() -> int:
            ran.append((number, threading.current_thread().name))
            return number

        return run

    with busy(inference):
        futures = [inference.submit(call(number), 0) for number in range(3)]
        assert inference.waiting == 3
        assert ran == []
    assert [future.result(WAIT_S) for future in futures] == [0, 1, 2]
    assert ran == [(number, "dateline-inference") for number in range(3)]


def test_an_error_fails_its_own_call_only(inference: Inference) -> None:
    bad = inference.submit(raising(ValueError("odd")), 1)
    good = inference.submit(lambda: "fine", 1)
    with pytest.raises(ValueError, match="odd"):
        bad.result(WAIT_S)
    assert good.result(WAIT_S) == "fine"
    inference.check_ready()


def test_a_call_whose_caller_has_gone_is_not_run(inference: Inference) -> None:
    ran: list[str] = []
    with busy(inference):
        gone = inference.submit(lambda: ran.append("gone"), 1)
        there = inference.submit(lambda: ran.append("there"), 1)
        assert gone.cancel()
    there.result(WAIT_S)
    assert ran == ["there"]
    with pytest.raises(CancelledError):
        gone.result()


def test_a_call_that_waited_past_its_deadline_is_not_run(
    inference: Inference, clock: Clock
) -> None:
    ran: list[str] = []
    with busy(inference):
        late = inference.submit(lambda: ran.append("late"), 0)
        clock.now += 4.0
        in_time = inference.submit(lambda: ran.append("in time"), 0)
        clock.now += 6.1
    in_time.result(WAIT_S)
    with pytest.raises(UnavailableError, match="waited 10 s"):
        late.result(WAIT_S)
    assert ran == ["in time"]


# --- admission


def test_more_than_may_wait_are_refused_at_once(inference: Inference) -> None:
    with busy(inference):
        futures = [inference.submit(lambda: None, 0) for _ in range(3)]
        with pytest.raises(BusyError, match=r"already \(3, 0 s of work\)") as refused:
            inference.submit(lambda: None, 0)
        assert refused.value.retry_after == 1
        with pytest.raises(BusyError):
            inference.check_room()
        assert futures[1].cancel()
        inference.check_room()  # the place of one that has gone is free
    futures[2].result(WAIT_S)
    inference.check_room()


def test_what_would_take_more_than_half_the_deadline_is_refused(inference: Inference) -> None:
    """Before anything was timed, a passage takes 0.02 s: 250 of them 5 s."""
    with busy(inference, passages=150):
        inference.submit(lambda: None, 100)
        inference.submit(lambda: None, 1)
        with pytest.raises(BusyError, match="2, 5 s of work") as refused:
            inference.submit(lambda: None, 1)
    assert refused.value.retry_after == 3


def reading(inference: Inference, clock: Clock, seconds: float) -> Callable[[], None]:
    """What the model reads for so long."""
    passage = Passage(article("A storm came."), 0, 13)

    def run() -> None:
        inference.engine.reader.read("What came?", [passage])
        clock.now += seconds

    return run


def test_the_pace_is_that_of_the_newest_calls(inference: Inference, clock: Clock) -> None:
    """0.8 x 0.02 s + 0.2 x 0.52 s = 0.12 s a passage: 42 of them are more than 5 s."""
    inference.submit(reading(inference, clock, 5.2), 10).result(WAIT_S)
    with busy(inference, passages=41):
        inference.submit(lambda: None, 1)
        with pytest.raises(BusyError):
            inference.submit(lambda: None, 1)


def test_what_was_remembered_does_not_make_the_pace_hopeful(
    inference: Inference, clock: Clock
) -> None:
    """As above, after a hundred questions for which the model had nothing to read."""
    inference.submit(reading(inference, clock, 5.2), 10).result(WAIT_S)
    for _ in range(100):
        inference.submit(lambda: None, 10).result(WAIT_S)
    with busy(inference, passages=41):
        inference.submit(lambda: None, 1)
        with pytest.raises(BusyError, match="5 s of work"):
            inference.submit(lambda: None, 1)


def test_however_slow_one_question_is_taken_when_none_waits(
    inference: Inference, clock: Clock
) -> None:
    inference.submit(reading(inference, clock, 1000.0), 1).result(WAIT_S)
    assert inference.submit(lambda: "taken", 100).result(WAIT_S) == "taken"


# --- behind the questions


def test_questions_go_before_what_is_behind(inference: Inference) -> None:
    ran: list[str] = []
    with busy(inference):
        behind = threading.Thread(
            target=inference.run_behind, args=(lambda: ran.append("behind"),), daemon=True
        )
        behind.start()
        asked = [inference.submit(lambda: ran.append("asked"), 0) for _ in range(3)]
    behind.join(WAIT_S)
    assert [future.done() for future in asked] == [True, True, True]
    assert ran == ["asked"] * 3 + ["behind"]


def test_what_waited_a_second_behind_gets_a_turn(inference: Inference, clock: Clock) -> None:
    ran: list[str] = []
    queued = threading.Event()

    def wait_behind() -> None:
        queued.set()
        inference.run_behind(lambda: ran.append("behind"))

    with busy(inference):
        thread = threading.Thread(target=wait_behind, daemon=True)
        thread.start()
        assert queued.wait(WAIT_S)
        while not inference._behind:
            thread.join(0.001)
        clock.now += 1.1
        asked = inference.submit(lambda: ran.append("asked"), 0)
    asked.result(WAIT_S)
    thread.join(WAIT_S)
    assert ran == ["behind", "asked"]


def test_the_thread_does_not_wait_for_itself(inference: Inference) -> None:
    nested = inference.submit(lambda: inference.run_behind(lambda: "run"), 1)
    assert nested.result(WAIT_S) == "run"


def test_an_error_behind_reaches_whoever_waits(inference: Inference) -> None:
    with pytest.raises(ValueError, match="odd"):
        inference.run_behind(raising(ValueError("odd")))


@pytest.mark.parametrize("count", [0, 1, 8, 9, 20])
def test_the_patient_encoder_gives_the_same_vectors(inference: Inference, count: int) -> None:
    texts = ["storm " * (n % 3) + "vote" for n in range(count)]
    patient = PatientEncoder(FakeEncoder(), inference)
    np.testing.assert_array_equal(
        patient.encode_passages(texts), FakeEncoder().encode_passages(texts)
    )
    assert patient.count_tokens(texts) == FakeEncoder().count_tokens(texts)
    assert (patient.name, patient.dimension) == ("fake-encoder", 4)


def test_articles_are_embedded_on_the_thread_in_small_portions(inference: Inference) -> None:
    portions: list[tuple[int, str]] = []

    class Watched(FakeEncoder):
        def encode_passages(self, texts):  # type: ignore[no-untyped-def]
            portions.append((len(texts), threading.current_thread().name))
            return super().encode_passages(texts)

    inference.engine.embed_through(PatientEncoder(Watched(), inference))
    list(inference.engine.ingest([article("A storm came.", id=str(n)) for n in range(20)]))
    assert portions == [(n, "dateline-inference") for n in (8, 8, 4)]


# --- readiness


def test_it_is_not_ready_while_it_loads(dateline: Dateline) -> None:
    let_go = threading.Event()

    def load() -> Dateline:
        assert let_go.wait(WAIT_S)
        return dateline

    inference = Inference(load)
    inference.start()
    for refused in (inference.check_ready, inference.check_room, lambda: inference.engine):
        with pytest.raises(UnavailableError, match="being loaded"):
            refused()
    let_go.set()
    assert inference.loaded.result(WAIT_S) is dateline
    inference.check_ready()
    inference.stop(WAIT_S)


def test_what_cannot_be_loaded_is_told_every_time() -> None:
    inference = Inference(raising(ModelError("no reader 'x'")))  # type: ignore[arg-type]
    inference.start()
    for _ in range(2):
        with pytest.raises(ModelError, match="no reader 'x'"):
            inference.loaded.result(WAIT_S)
        with pytest.raises(ModelError, match="no reader 'x'"):
            inference.check_room()
    inference.stop(WAIT_S)


def test_it_is_not_ready_while_one_call_does_not_end(inference: Inference, clock: Clock) -> None:
    with busy(inference):
        clock.now += 20.0
        inference.check_ready()
        clock.now += 0.1
        with pytest.raises(UnavailableError, match="busy with one call for 20 s"):
            inference.check_ready()
    inference.submit(lambda: None, 1).result(WAIT_S)
    inference.check_ready()


# --- several at once


@pytest.fixture
def two(dateline: Dateline, clock: Clock) -> Iterator[Inference]:
    """Two threads, with room for 3 that wait 10 s at most."""
    yield from started(dateline, clock, at_once=2)


def test_two_questions_are_worked_on_at_once_and_no_third(two: Inference) -> None:
    with busy(two):
        assert two.submit(lambda: "meanwhile", 1).result(WAIT_S) == "meanwhile"
        with busy(two):
            third = two.submit(lambda: "third", 1)
            assert two.waiting == 1
            assert not third.done()
        assert third.result(WAIT_S) == "third"


def test_two_at_once_take_half_as_long(two: Inference) -> None:
    # At 20 ms a passage: 500 passages are 10 s of work, and half the deadline is 5 s.
    with busy(two, passages=250), busy(two, passages=250):
        two.check_room()
        waiting = two.submit(lambda: None, 1)
        with pytest.raises(BusyError):
            two.check_room()
    waiting.result(WAIT_S)


def test_what_is_read_meanwhile_for_another_question_is_none_of_a_remembered_ones(
    two: Inference, clock: Clock
) -> None:
    """The first takes 5.2 s for ten passages, as above; the others no time."""
    passage = Passage(article("A storm came."), 0, 13)
    read, let_go = threading.Event(), threading.Event()

    def slow() -> None:
        clock.now += 5.2
        two.engine.reader.read("What came?", [passage])
        read.set()
        assert let_go.wait(WAIT_S)

    first = two.submit(slow, 10)
    assert read.wait(WAIT_S)
    for _ in range(100):
        two.submit(lambda: None, 10).result(WAIT_S)
    let_go.set()
    first.result(WAIT_S)
    with busy(two, passages=41), busy(two, passages=42):
        two.submit(lambda: None, 1)
        with pytest.raises(BusyError):
            two.submit(lambda: None, 1)


def test_one_portion_is_embedded_at_a_time_whatever_is_free(two: Inference) -> None:
    begun, let_go = threading.Event(), threading.Event()
    ran: list[str] = []

    def portion(name: str) -> None:
        begun.set()
        assert let_go.wait(WAIT_S)
        ran.append(name)

    threads = [
        threading.Thread(target=two.run_behind, args=(lambda name=name: portion(name),))
        for name in ("first", "second")
    ]
    threads[0].start()
    assert begun.wait(WAIT_S)
    begun.clear()
    threads[1].start()
    assert two.submit(lambda: "answered", 1).result(WAIT_S) == "answered"
    assert not begun.wait(0.05)
    let_go.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert ran == ["first", "second"]


def test_one_that_died_leaves_the_other_at_work(
    dateline: Dateline, caplog: pytest.LogCaptureFixture
) -> None:
    inference = Inference(lambda: dateline, restart_s=60.0)
    inference.start()
    inference.loaded.result(WAIT_S)
    answered = inference.submit(lambda: "answered", 1)
    with busy(inference):
        with pytest.raises(UnavailableError, match="died"):
            inference.submit(raising(Panic("broken")), 1).result(WAIT_S)
        with pytest.raises(UnavailableError, match="being started again"):
            inference.check_ready()
    assert answered.result(WAIT_S) == "answered"
    assert "broken" in caplog.text
    inference.stop(WAIT_S)


# --- dying and stopping


def test_a_dead_thread_fails_its_call_says_so_and_is_started_again(
    dateline: Dateline, caplog: pytest.LogCaptureFixture
) -> None:
    inference = Inference(lambda: dateline, Limits(at_once=1), restart_s=0.3)
    inference.start()
    inference.loaded.result(WAIT_S)
    with busy(inference):
        fatal = inference.submit(raising(Panic("broken")), 1)
        waiting = inference.submit(lambda: "answered", 1)
    with pytest.raises(UnavailableError, match="died"):
        fatal.result(1.0)
    with pytest.raises(UnavailableError, match="being started again"):
        inference.check_room()
    assert "broken" in caplog.text
    assert waiting.result(WAIT_S) == "answered"
    inference.check_room()
    inference.stop(WAIT_S)


def test_stopping_finishes_the_call_at_hand_and_refuses_the_others(inference: Inference) -> None:
    stopping = threading.Thread(target=inference.stop, args=(WAIT_S,), daemon=True)
    with busy(inference):
        waiting = inference.submit(lambda: "never", 1)
        stopping.start()
        with pytest.raises(UnavailableError, match="shutting down"):
            waiting.result(WAIT_S)
        assert inference.running
    stopping.join(WAIT_S)
    assert not inference.running
    for refused in (inference.check_ready, lambda: inference.run_behind(lambda: None)):
        with pytest.raises(UnavailableError, match="shutting down"):
            refused()
    inference.start()
    assert not inference.running


def test_stopping_does_not_wait_for_ever(inference: Inference) -> None:
    with busy(inference):
        inference.stop(0.01)
        assert inference.running
