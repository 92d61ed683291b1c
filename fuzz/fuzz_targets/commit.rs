//! Any bytes as what `git` lists of a commit that was fetched, and after two zeros as what it says of the contents: reading ends without a
//! panic, no file lies outside of its directory, and no two contents share their bytes. Good files begin with
//! `100644 blob <40 digits> 3<tab>a`. `cargo fuzz run commit`
#![no_main]

use libfuzzer_sys::fuzz_target;

const BYTES_MAX: usize = 256 << 20;

fuzz_target!(|bytes: &[u8]| {
    let middle = bytes.windows(2).position(|pair| pair == [0, 0]).unwrap_or(bytes.len());
    let (listed, answer) = (&bytes[..middle], bytes.get(middle + 2..).unwrap_or_default());
    let Some(files) = homeostat::commit_told(listed, answer) else { return };
    let total: usize = files.iter().map(|(_, content)| content.len()).sum();
    assert!(total <= BYTES_MAX);
    for (path, _) in files {
        let is_plain = |name: &str| !matches!(name, "" | "." | "..") && !name.eq_ignore_ascii_case(".git");
        assert!(path.split('/').all(is_plain) && !path.contains(char::is_control), "{path:?}");
    }
});
