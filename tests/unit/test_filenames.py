"""File names from users: safe to show, to store and to return."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.http.streaming.ranged_response import attachment
from vigint_web.services.videos.filenames import one_line, safe_filename, some_lines, storage_suffix


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("caméra 4.mp4", "caméra 4.mp4"),
        ("cam\u0065\u0301ra.mp4", "caméra.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\clip.avi", "clip.avi"),
        ("invoice\u202e4pm.exe", "invoice4pm.exe"),
        ("a\r\nSet-Cookie: x.mp4", "aSet-Cookie_ x.mp4"),
        ("..", "video"),
        ("", "video"),
        (" . ", "video"),
        ("\x00", "video"),
        ('q"uo<t>e?.mp4', "q_uo_t_e_.mp4"),
        ("監視カメラ.mkv", "監視カメラ.mkv"),
        ("con.mp4", "_con.mp4"),
        ("NUL", "_NUL"),
        ("LPT1 .tar.mp4", "_LPT1 .tar.mp4"),
        ("console.mp4", "console.mp4"),
        ("%2e%2e%2fx.mp4", "%2e%2e%2fx.mp4"),
        ("a" * 199 + " b", "a" * 199),
    ],
)
def test_names(given_name: str, expected: str) -> None:
    assert safe_filename(given_name) == expected


@given(
    st.text(max_size=400) | st.from_regex(r"(con|nul|a)[ .\\/\u202e\U0001F600]{0,90}[a-z. ]{0,9}")
)
def test_every_name_is_safe_and_stays_what_it_is(text: str) -> None:
    name = safe_filename(text)
    assert 1 <= len(name) <= 200
    assert len(name.encode()) <= 240
    assert name.partition(".")[0].upper() not in {"CON", "NUL", "AUX", "PRN", "COM1", "LPT9"}
    assert name not in {".", ".."}
    assert not set(name) & set('/\\<>:"|?*')
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs"} for c in name)
    assert safe_filename(name) == name


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_filename("a" * 500 + ".mp4").endswith("a.mp4")


@given(st.text(max_size=300))
def test_words_that_people_gave_hold_nothing_unseen(text: str) -> None:
    line, lines = one_line(text), some_lines(text)
    assert "\n" not in line
    for cleaned in (line, lines):
        assert all(
            c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"} for c in cleaned
        )
    assert (one_line(line), some_lines(lines)) == (line, lines)


@given(st.text(max_size=60))
def test_the_header_of_a_download_is_one_line_with_one_name(text: str) -> None:
    name = safe_filename(text)
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2, "a quote in the name would end it"
    assert "\\" not in header


def test_storage_endings_are_known_ones_only() -> None:
    assert storage_suffix("CLIP.MP4") == ".mp4"
    for name in ("x.php", "x", "x.mp4.exe", ".mp4", "x./../mp4"):
        assert storage_suffix(name) == ".bin"
