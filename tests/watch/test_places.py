"""What a configured location means."""

import time

import pytest

from ar.watch.places import expand, folders_of, is_pattern

NOON_S = time.mktime((2031, 3, 9, 12, 0, 0, 0, 0, -1))


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/var/log/auth.log", ["/var/log/auth.log"]),
        ("/var/log/app-%Y-%m-%d.log", ["/var/log/app-2031-03-09.log"]),
        ("/nonexistent/*.log", []),
    ],
)
def test_plain_names_and_dates(location, expected):
    assert expand(location, NOON_S) == expected


def test_a_glob_gives_what_is_there_in_order_without_hidden_and_compressed_files(tmp_path):
    for name in ("b.log", "a.log", ".c.log", "d.log.gz", "e.log.zst"):
        (tmp_path / name).touch()
    assert expand(f"{tmp_path}/*", NOON_S) == [f"{tmp_path}/a.log", f"{tmp_path}/b.log"]


def test_a_glob_and_a_date_work_together(tmp_path):
    (tmp_path / "x-2031.log").touch()
    (tmp_path / "x-2030.log").touch()
    assert expand(f"{tmp_path}/?-%Y.log", NOON_S) == [f"{tmp_path}/x-2031.log"]


def test_a_file_whose_own_name_has_brackets_is_found(tmp_path):
    (tmp_path / "app[1].log").touch()
    assert expand(f"{tmp_path}/app[1].log", NOON_S) == [f"{tmp_path}/app[1].log"]


@pytest.mark.parametrize(("location", "expected"), [("/a/b", False), ("/a/*", True), ("/a/%Y", True)])
def test_a_pattern_may_mean_no_file_at_the_moment(location, expected):
    assert is_pattern(location) is expected


def test_the_folders_of_a_pattern_are_those_of_its_files_and_the_one_named_outright(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "access.log").touch()
    location = f"{tmp_path}/*/access.log"
    assert folders_of(location, expand(location, NOON_S), NOON_S) == {str(tmp_path), f"{tmp_path}/one"}


def test_for_a_missing_folder_the_nearest_above_is_meant(tmp_path):
    location = f"{tmp_path}/x/y/z.log"
    assert folders_of(location, [location], NOON_S) == {str(tmp_path)}
