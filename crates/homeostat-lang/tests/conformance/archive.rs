//! A case: files in one text, each after a line `-- name --`.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) files: BTreeMap<String, String>,
}

impl Archive {
    pub(crate) fn parse(text: &str) -> Self {
        let mut files = BTreeMap::new();
        let mut open: Option<(String, String)> = None;
        for line in text.split_inclusive('\n') {
            let name = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
            if let Some(name) = name {
                files.extend(open.replace((name.trim().to_owned(), String::new())));
            } else if let Some((_, content)) = &mut open {
                content.push_str(line);
            }
        }
        files.extend(open);
        Self { files }
    }

    /// The file that is what should come out of the case.
    pub(crate) fn output(&self) -> &str {
        self.files.get("OUTPUT").map_or("", String::as_str)
    }

    /// The texts of the program, the main one first where it has the usual name.
    pub(crate) fn programs(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_program = |name: &str| name.ends_with(".mcl");
        self.files
            .iter()
            .filter(move |(name, _)| is_program(name))
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Whether its program is not in canonical form, or none at all.
    pub(crate) fn is_not_formatted(&self) -> bool {
        self.files.get("CONFIG").is_some_and(|config| config.contains("\"nofmt\": true"))
    }
}
