from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import DataError, NotFoundError, OoderError, UsageError
from protocol.git_rules import (
    SCHEMES,
    Tip,
    build_location,
    check_ref,
    clean,
    is_plain_path,
    mirror_name,
    parse_url,
    read_location,
    read_tip,
    read_tree,
    reason_of,
    tip_patterns,
)

OID = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


@pytest.mark.parametrize(
    ("text", "same_as", "name", "owner"),
    [
        ("https://GitHub.com/OoderCN/skills.git", None, "github.com/oodercn/skills", "github.com/oodercn"),
        ("https://github.com:443/a/b/", "https://github.com/a/b", "github.com/a/b", "github.com/a"),
        ("https://git.example.org:8443/a/b", None, "git.example.org:8443/a/b", "git.example.org:8443/a"),
        (
            "git@gitee.com:ooderCN/skills.git",
            "ssh://git@gitee.com/ooderCN/skills.git",
            "gitee.com/oodercn/skills",
            "gitee.com/oodercn",
        ),
        ("ssh://git@host:2222/group/sub/repo", None, "host:2222/group/sub/repo", "host:2222/group"),
        ("git://127.0.0.1:9419/repo", None, "127.0.0.1:9419/repo", "127.0.0.1:9419"),
        ("file:///srv/仓库/repo", None, "", ""),
    ],
)
def test_addresses_that_are_allowed(text: str, same_as: str | None, name: str, owner: str) -> None:
    url = parse_url(text, SCHEMES)
    assert str(url) == (same_as or text.replace("GitHub.com", "github.com"))
    assert (url.name, url.owner) == (name, owner)
    assert parse_url(str(url), SCHEMES) == url


HOSTILE_URLS = [
    "ext::sh -c touch% /tmp/canary",
    "ext::https://h/a/b",
    "https::https://h/a",
    "-u",
    "-u./payload",
    "--upload-pack=touch canary",
    "--upload-pack",
    "https://user:secret@host/a/b",
    "https://token@host/a/b",
    "ssh://git:secret@host/a/b",
    "ssh://-oProxyCommand=touch/a",
    "-oProxyCommand=touch@host:a/b",
    "git@-oProxyCommand=x:a/b",
    "git@host:-a/b",
    "https://host/a/b\n",
    "https://host/a\nb",
    "https://host/a/../b",
    "https://host/%2e%2e/b",
    "https://host/a%0ab",
    "https://host/-u/b",
    "https://ho..st/a",
    "https://host:99999/a",
    "https://host",
    "https://host//a",
    "https://host/a?x=y",
    "https://host/a#b",
    "file://host/a",
    "file:///a/../b",
    "file:///a;touch b",
    "file:///a$(touch b)",
    "/etc/passwd",
    "../repo",
    "c:\\repo",
    "javascript://host/a",
    "https://h/" + "a" * 2_000,
    "",
]


@pytest.mark.parametrize("text", HOSTILE_URLS)
def test_addresses_that_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(text, SCHEMES)
    assert caught.value.code == "git.bad_url"
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_schemes_must_be_allowed() -> None:
    for text in ("ssh://h/a", "file:///a", "git://h/a", "http://h/a", "git@h:a"):
        with pytest.raises(UsageError) as caught:
            parse_url(text)
        assert caught.value.code == "git.scheme_refused"


@pytest.mark.parametrize("text", ["main", "release/1.x", "v1.0", "refs/heads/main", OID, "feature_2+x"])
def test_refs_that_are_allowed(text: str) -> None:
    assert check_ref(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-u",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a\nb",
        "a:b",
        "+a",
        "a@{1}",
        "a~1",
        "a^",
        "a*",
        "a.lock",
        "a/",
        "a//b",
        "/a",
        ".a",
        "a/.b",
        "x" * 300,
    ],
)
def test_refs_that_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        check_ref(text)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_clear_error(text: str) -> None:
    for check in (lambda: parse_url(text, SCHEMES), lambda: check_ref(text)):
        try:
            check()
        except OoderError as error:
            assert error.code in ("git.bad_url", "git.bad_ref")
            assert error.text("zh")


def test_the_default_branch_is_what_the_remote_says() -> None:
    output = f"ref: refs/heads/master\tHEAD\n{OID}\tHEAD\n".encode()
    assert read_tip(output, "") == Tip(OID, "refs/heads/master")
    assert read_tip(b"", "") is None


def test_a_branch_wins_over_a_tag_and_tags_are_peeled() -> None:
    assert tip_patterns("v1") == ("refs/heads/v1", "refs/heads/v1^{}", "refs/tags/v1", "refs/tags/v1^{}")
    tag = f"{OID}\trefs/tags/v1\n{OTHER}\trefs/tags/v1^{{}}\n".encode()
    assert read_tip(tag, "v1") == Tip(OTHER, "refs/tags/v1")
    assert read_tip(tag + f"{OID}\trefs/heads/v1\n".encode(), "v1") == Tip(OID, "refs/heads/v1")
    with pytest.raises(NotFoundError):
        read_tip(f"{OID}\trefs/remotes/x/refs/heads/v2\n".encode(), "v2")
    with pytest.raises(DataError):
        read_tip(b"what is this\n", "")


def test_a_tree_is_read_and_everything_odd_refused() -> None:
    rows = [
        f"040000 tree {OTHER}\tskills",
        f"100644 blob {OID}\tskills/skill.yaml",
        f"100755 blob {OID}\tskills/run.sh",
        f"120000 blob {OID}\tskills/link",
        f"160000 commit {OID}\tmodule",
        f"100644 blob {OID}\tskills/.git/config",
        f"100644 blob {OID}\tskills/.g\u200cit/x",
        f"100644 blob {OID}\tskills/git~1",
        f"100644 blob {OID}\ta\nb",
        f"100644 blob {OID}\t../x",
    ]
    tree = read_tree("\0".join(rows).encode() + b"\0" + b"100644 blob " + OID.encode() + b"\t\xff.yaml\0", OTHER, 100)
    assert set(tree.files) == {"skills/skill.yaml", "skills/run.sh"}
    assert tree.files["skills/run.sh"].executable
    assert tree.folders == {"skills": OTHER}
    assert [code for _, code in tree.refused].count("git.bad_path") == 6
    assert ("skills/link", "git.link_ignored") in tree.refused
    assert ("module", "git.submodule_ignored") in tree.refused
    with pytest.raises(DataError) as caught:
        read_tree(b"\0" * 101, OTHER, 100)
    assert caught.value.code == "git.too_many_files"
    with pytest.raises(DataError):
        read_tree(b"nonsense\0", OTHER, 100)


def test_plain_paths() -> None:
    assert is_plain_path("技能/日报/skill.yaml")
    assert is_plain_path(".gitignore")
    for path in ("", "/a", "a//b", "a/./b", "a/../b", ".GIT/x", ".git ", ".git.", "GIT~1", "a\\b", "a:b", "\ud800"):
        assert not is_plain_path(path)


def test_locations_come_back() -> None:
    url = parse_url("https://github.com/oodercn/skills")
    location = build_location(url, OID, "skills/日报 #1/skill.yaml")
    assert location.startswith(f"git+https://github.com/oodercn/skills@{OID}#skills/%E6")
    assert read_location(location, ("https",)) == (url, OID, "skills/日报 #1/skill.yaml")
    for bad in ("", "git+https://h/a#x", f"git+https://h/a@{OID[:39]}#x", f"https://h/a@{OID}#x"):
        with pytest.raises(DataError):
            read_location(bad, ("https",))
    with pytest.raises(UsageError):
        read_location(f"git+ext::sh@{OID}#x", SCHEMES)


def test_mirrors_of_different_addresses_never_share_a_folder() -> None:
    names = {
        mirror_name(parse_url(url, SCHEMES))
        for url in ("https://h/a/b", "https://h/a-b", "ssh://h/a/b", "https://h/A/b", "https://h/a/b.git")
    }
    assert len(names) == 5
    assert all(name.endswith(".git") and "/" not in name and not name.startswith((".", "-")) for name in names)


def test_error_text_is_one_clean_line_without_credentials() -> None:
    stderr = (
        "Cloning...\nfatal: unable to access 'https://me:secret@h/a/': \x1b[31mCould not resolve host\u202e: h\nmore"
    )
    assert reason_of(stderr) == "unable to access 'https://***@h/a/': \\x1b[31mCould not resolve host\\u202e: h"
    assert reason_of("ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote.") == (
        "connect to host h port 22: Connection refused"
    )
    assert reason_of("") == "git gave no reason"
    assert len(clean("x" * 1_000, 10)) == 10
