//! Values of `deployment.toml` that stand for something kept elsewhere: `$secret{alias}`, `$env{NAME}`.

/// What a value refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    /// `$secret{alias}`: the table `[secrets]`, by way of WSO2's cipher tool.
    Secret(String),
    /// `$env{NAME}`: the server's environment.
    Env(String),
    /// `$sys{name}`, `$ref{entry}`, or one within a longer text.
    Other,
}

/// What `value` refers to; `None` if it is what it says.
pub(super) fn reference(value: &str) -> Option<Reference> {
    let value = value.trim();
    let whole = |kind: &str| {
        let name = value.strip_prefix(kind)?.strip_prefix('{')?.strip_suffix('}')?;
        is_name(name).then(|| name.to_owned())
    };
    whole("$secret").map(Reference::Secret).or_else(|| whole("$env").map(Reference::Env)).or_else(|| {
        ["$secret{", "$env{", "$sys{", "$ref{"]
            .iter()
            .any(|kind| value.contains(kind))
            .then_some(Reference::Other)
    })
}

/// A reference as the command line takes it: one that stands for the whole value.
pub fn parse_reference(text: &str) -> Result<String, String> {
    match reference(text) {
        Some(Reference::Secret(_) | Reference::Env(_)) => Ok(text.trim().to_owned()),
        _ => Err("write it as $env{NAME} or $secret{alias}, in single quotes for the shell".to_owned()),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
