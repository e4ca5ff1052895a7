//! The mark of a value that is put into a text: `${{`, and its escape. Knows no expression.

/// What opens an expression.
pub const OPEN: &str = "${{";
/// The replacement for [`OPEN`] itself.
pub const ESCAPED: &str = "$${{";

/// Whether a text holds the mark or its escape; any other text is its own value.
pub fn has_mark(text: &str) -> bool {
    // nearly every text of a file is asked, and nearly none has as much as the sign
    memchr::memchr(b'$', text.as_bytes()).is_some() && text.contains(OPEN)
}

/// Whether a value is put into a text: the mark, not escaped.
pub fn takes_value(text: &str) -> bool {
    has_mark(text) && text.replace(ESCAPED, "").contains(OPEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_mark_takes_no_value() {
        let cases =
            [("a", false, false), ("$5", false, false), ("$${{ a }}", true, false), ("$${{${{ a }}", true, true)];
        for (text, marked, takes) in cases {
            assert_eq!((has_mark(text), takes_value(text)), (marked, takes), "{text}");
        }
    }
}
