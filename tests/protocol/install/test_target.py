"""Addresses of what can be installed: places in repositories, package files, and what is neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import UsageError
from protocol.install.target import FileTarget, RepositoryTarget, file_path, is_package_name, parse_target


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("https://h.org/o/r.git//p/q@v1", "https://h.org/o/r.git@v1#p/q"),
        ("https://h.org/o/r.git@feature/x#p", "https://h.org/o/r.git@feature/x#p"),
        ("https://h.org/o/r.git#p", "https://h.org/o/r.git#p"),
        ("https://h.org:8443/o/r", "https://h.org:8443/o/r"),
        ("git+https://h.org/o/r@v2", "https://h.org/o/r@v2"),
        ("https://github.com/o/r/tree/main/skills/a", "https://github.com/o/r@main#skills/a"),
        ("https://github.com/o/r/tree/main", "https://github.com/o/r@main"),
        ("https://gitlab.com/g/s/r/-/tree/v1/a/b", "https://gitlab.com/g/s/r@v1#a/b"),
        ("https://gitee.com/o/r/blob/master/a/SKILL.md", "https://gitee.com/o/r@master#a/SKILL.md"),
        ("git@github.com:o/r.git//x@main", "ssh://git@github.com/o/r.git@main#x"),
        ("ssh://git@h.org/o/r//a", "ssh://git@h.org/o/r#a"),
        ("file:///srv/repo.git#p", "file:///srv/repo.git#p"),
        ("file:///srv/repo.git//p@main", "file:///srv/repo.git@main#p"),
        ("git+file:///srv/work", "file:///srv/work"),
        ("http://127.0.0.1:8080/o/r.git", "http://127.0.0.1:8080/o/r.git"),
    ],
)
def test_a_place_in_a_repository(text: str, meant: str) -> None:
    found = parse_target(text)
    assert isinstance(found, RepositoryTarget) and str(found) == meant


@pytest.mark.parametrize(
    "text", ["https://h.org/a/b.zip", "http://h.org/b.skill?x=1", "https://h.org/x/SKILL.md", "https://h.org/x.tar.gz"]
)
def test_the_address_of_one_file(text: str) -> None:
    found = parse_target(text)
    assert isinstance(found, FileTarget) and is_package_name(found.name)


@pytest.mark.parametrize(
    "text",
    ["skill:x", "skill:x@1.0", "scene:a", "./a/b", "a.zip", "/x/SKILL.md", "file:///srv/folder", "file:///srv/a.zip", "C:/x", ""],
)  # fmt: skip
def test_what_is_no_address_is_left_to_others(text: str) -> None:
    assert parse_target(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("https://h.org/o/r//../x", "git.bad_url"),
        ("https://h.org/o/r//a#b", "git.bad_url"),
        ("https://u:p@h.org/o/r", "git.bad_url"),
        ("https://h.org/o/r//a@-x", "git.bad_ref"),
        ("https://h.org/o/r@..", "git.bad_ref"),
        ("git+https://", "git.bad_url"),
        ("ftp://h.org/a.zip", "git.bad_url"),
    ],
)
def test_an_address_that_cannot_be_is_refused(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert caught.value.code == code


def test_a_file_address_is_a_path() -> None:
    assert file_path("file:///srv/my%20notes") == "/srv/my notes"
    assert file_path("notes/a") == "notes/a"


@given(st.text(alphabet="aZ0:/@#.-+~% \x00git https file", max_size=60))
def test_nothing_but_usage_errors(text: str) -> None:
    for start in ("", "https://", "git@h:", "file:///"):
        try:
            parse_target(start + text)
        except UsageError as error:
            assert error.code in ("git.bad_url", "git.bad_ref", "git.scheme_refused")
