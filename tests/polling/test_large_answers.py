"""How many large answers are in memory at once."""

import pytest

from shared.polling.large_answers import LargeAnswers, NoRoom


def test_a_turn_that_no_large_answer_took_leaves_room_for_others() -> None:
    large = LargeAnswers(1, within_seconds=0)
    with large.turn(), large.turn() as other:
        other.take()


def test_only_so_many_large_answers_are_let_in() -> None:
    large = LargeAnswers(2, within_seconds=0)
    first, second, third = large.turn(), large.turn(), large.turn()
    first.take()
    second.take()
    with pytest.raises(NoRoom):
        third.take()


def test_a_turn_that_is_given_back_lets_the_next_in() -> None:
    large = LargeAnswers(1, within_seconds=0)
    first, second = large.turn(), large.turn()
    first.take()
    first.give_back()
    second.take()


def test_a_turn_is_taken_and_given_back_once_however_often_that_is_said() -> None:
    large = LargeAnswers(1, within_seconds=0)
    first = large.turn()
    first.take()
    first.take()
    first.give_back()
    first.give_back()
    large.turn().take()


def test_a_turn_is_waited_for_no_longer_than_the_caller_has_time() -> None:
    large = LargeAnswers(1, within_seconds=3600)
    large.turn().take()
    with pytest.raises(NoRoom):
        large.turn().take(within_seconds=-1.0)
