"""What counts as news, and that remembering it is bounded."""

from ar.news import REMEMBERED_MAX, News


def test_the_same_is_news_again_after_a_minute_and_something_else_at_once():
    news = News()
    said = [news.is_new("full", seconds) for seconds in (0.0, 59.9, 60.0, 61.0)]
    assert said == [True, False, True, False]
    assert news.is_new("other", 61.0)


def test_what_is_remembered_is_bounded_and_the_longest_remembered_goes_first():
    news = News()
    for number in range(REMEMBERED_MAX + 1):
        assert news.is_new(number, 0.0)
    assert not news.is_new(1, 1.0)
    assert news.is_new(0, 1.0)
