//! PostgreSQL's `options`: settings of a session, of which the path of schemas is the one that counts here.

/// The schema of `search_path`, and the names of other settings, which are left out.
///
/// Settings are written `-c name=value`, `-cname=value` or `--name=value`, between blanks; a backslash keeps a
/// blank. A path of several schemas is refused: which of them has the tables is not for us to guess.
pub(super) fn read(value: &str) -> Result<(Option<String>, Vec<String>), String> {
    let (mut path, mut others) = (None, Vec::new());
    let mut words = words(value).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c").or_else(|| word.strip_prefix("--")) {
            Some("") => words.next().unwrap_or_default(),
            Some(setting) => setting.to_owned(),
            None => {
                others.push(word);
                continue;
            }
        };
        let (name, value) = setting.split_once('=').unwrap_or((&setting, ""));
        if name.trim().replace('-', "_").eq_ignore_ascii_case("search_path") {
            path = Some(schema(value)?);
        } else {
            others.push(name.trim().to_owned());
        }
    }
    Ok((path, others))
}

/// The only schema of a path.
fn schema(path: &str) -> Result<String, String> {
    let path = path.trim();
    if let Some(inner) = path.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
        && !inner.replace("\"\"", "").contains('"')
    {
        return Ok(inner.replace("\"\"", "\""));
    }
    if path.is_empty() || path.contains([',', '"', '$', '\'']) {
        return Err(
            "has a search_path in options that is not one schema: name the one with WSO2's tables, best \
                    with currentSchema"
                .to_owned(),
        );
    }
    Ok(path.to_lowercase())
}

fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut kept) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        match character {
            _ if kept => {
                word.push(character);
                kept = false;
            }
            '\\' => kept = true,
            blank if blank.is_whitespace() => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            }
            other => word.push(other),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_path_of_schemas_is_read_or_refused() {
        for (value, schema) in [
            ("-c search_path=idn", Some("idn")),
            ("-csearch_path=IDN", Some("idn")),
            ("--search_path=\"Idn\"", Some("Idn")),
            ("--search-path=idn -c statement_timeout=0", Some("idn")),
            ("-c search_path=\"a\\ b\"", Some("a b")),
            ("-c statement_timeout=5min", None),
            ("", None),
        ] {
            assert_eq!(read(value).unwrap().0.as_deref(), schema, "{value}");
        }
        for value in [
            "-c search_path=idn,public",
            "-c search_path=",
            "--search_path=\"$user\",\\ public",
            "-c search_path=$user",
        ] {
            assert!(read(value).is_err(), "{value}");
        }
        assert_eq!(read("-c statement_timeout=5 -x").unwrap().1, ["statement_timeout", "-x"]);
    }
}
