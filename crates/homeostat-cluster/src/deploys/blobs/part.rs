//! From where on a large file is asked for, and given: the only form of `Range` and `Content-Range` that hosts speak.

/// What is asked for: from an offset to the end.
pub fn asked(offset: u64) -> String {
    format!("bytes={offset}-")
}

/// Reads what is asked for; none where it is anything else.
pub fn parse_asked(range: &str) -> Option<u64> {
    let digits = range.strip_prefix("bytes=")?.strip_suffix('-')?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Where to begin in a file of so many bytes; none where that has nothing there.
pub fn start(range: &str, bytes: u64) -> Option<u64> {
    parse_asked(range).filter(|offset| *offset < bytes)
}

/// What is given, of a file of so many bytes.
pub fn given(offset: u64, bytes: u64) -> String {
    format!("bytes {offset}-{}/{bytes}", bytes.saturating_sub(1))
}

/// Whether what is given begins where that was asked for. Where it ends is seen when it has come.
pub fn begins_at(given: &str, offset: u64) -> bool {
    given.starts_with(&format!("bytes {offset}-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_goes_from_an_offset_to_the_end() {
        assert_eq!(parse_asked("bytes=17-"), Some(17));
        for other in [
            "",
            "bytes=",
            "bytes=-",
            "bytes=-5",
            "bytes=1-2",
            "bytes=+1-",
            "bytes=1-,5-",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(parse_asked(other), None, "{other}");
        }
    }

    #[test]
    fn a_range_that_begins_where_the_file_ends_has_nothing() {
        assert_eq!(start("bytes=16-", 17), Some(16));
        assert_eq!(start("bytes=17-", 17), None);
        assert_eq!(start("bytes=0-", 0), None);
    }

    #[test]
    fn what_is_given_is_told_from_what_begins_elsewhere() {
        let given = given(17, 100);
        assert_eq!(given, "bytes 17-99/100");
        assert!(begins_at(&given, 17));
        for other in [1, 7, 170] {
            assert!(!begins_at(&given, other), "{other}");
        }
    }
}
