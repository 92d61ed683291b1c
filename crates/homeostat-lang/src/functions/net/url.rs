//! The parts of a URL.

/// What stands between the marks of a URL; the path is decoded, the query is not.
pub(super) struct Url {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) raw_query: String,
}

/// Reads `scheme://user@host/path?query#fragment`, of which only the scheme must be there.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    if text.chars().any(char::is_control) {
        return Err("invalid control character in URL".into());
    }
    let (text, _fragment) = text.split_once('#').unwrap_or((text, ""));
    let (scheme, rest) = scheme(text)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None if rest.starts_with('/') => ("", rest),
        // `mailto:ann` has no path.
        None => ("", ""),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
    check_port(host)?;
    Ok(Url {
        scheme: scheme.to_lowercase(),
        host: decode(host)?,
        path: decode(path)?,
        raw_query: query.to_owned(),
    })
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
    match end.map(|end| (&text[..end], &text[end..])) {
        Some(("", rest)) if rest.starts_with(':') => Err("missing protocol scheme".into()),
        Some((scheme, rest))
            if rest.starts_with(':') && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            Ok((scheme, &rest[1..]))
        }
        _ => Err("empty scheme".into()),
    }
}

fn check_port(host: &str) -> Result<(), String> {
    let after_brackets = match host.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or("missing ']' in host")?.1,
        None => host.find(':').map_or("", |at| &host[at..]),
    };
    let port = after_brackets.strip_prefix(':').unwrap_or(after_brackets);
    if port.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!("invalid port {port:?} after host"))
    }
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = code.filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let decoded = decoded.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(
            decoded.ok_or_else(|| {
                format!("invalid URL escape {:?}", format!("%{}", code.unwrap_or_default()))
            })?,
        );
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| "the URL holds bytes that are no UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_fall_into_parts() {
        for (text, parts) in [
            (
                "https://ann:pw@example.org:8080/a/b?x=1&y=%20#z",
                ["https", "example.org:8080", "/a/b", "x=1&y=%20"],
            ),
            ("HTTP://[::1]:80", ["http", "[::1]:80", "", ""]),
            ("file:///etc/motd", ["file", "", "/etc/motd", ""]),
            ("mailto:ann@example.org", ["mailto", "", "", ""]),
            ("a://h?q", ["a", "h", "", "q"]),
        ] {
            let url = parse(text).unwrap();
            assert_eq!([url.scheme, url.host, url.path, url.raw_query], parts, "{text}");
        }
        for text in [
            "",
            "example.org",
            "1a://x",
            "://x",
            "http://x:y",
            "http://x/%zz",
            "http://x/%4",
            "http://[::1",
            "a\n:",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
