"""Files that people lay down, as they are read."""

import io

from worker.files import without_byte_order_mark


def test_only_the_mark_at_the_very_beginning_of_a_file_is_left_out() -> None:
    lines = io.BytesIO(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n")
    assert list(without_byte_order_mark(lines)) == [b"{}\n", b"\xef\xbb\xbf{}\n"]


def test_a_file_without_a_mark_stays_as_it_is() -> None:
    assert list(without_byte_order_mark([b"{}\n", b"[]"])) == [b"{}\n", b"[]"]
