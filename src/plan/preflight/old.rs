//! Checks of the old side beside the new one: was it copied whole, and late enough.

use super::facts::Facts;
use super::old_facts::{Rows, has_old_key};
use super::{Check, Found, Needs, known, listed};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "old-key-is-the-old-servers",
        title: "the old server's deployment.toml has oldSecretKey",
        needs: Needs::Settings,
        warns: "it has another key",
        refuses: &[],
        fix: "take oldSecretKey from there, or see that oldISHome is the server that was copied",
        look: old_key,
    },
    Check {
        id: "old-version",
        title: "old and new server are of one version",
        needs: Needs::Files,
        warns: "they are not, and a rotation does not change the schema",
        refuses: &[],
        fix: "rotate the key with the version that you have, and upgrade before or after",
        look: version,
    },
    Check {
        id: "old-files",
        title: "the new home has the old one's configuration files",
        needs: Needs::Files,
        warns: "some are missing, or were changed in the old home since they were copied",
        refuses: &[],
        fix: "copy them again before you rotate",
        look: files,
    },
    Check {
        id: "old-identity-rows",
        title: "old and new identity database have the same rows",
        needs: Needs::Databases,
        warns: "counts differ, or the newest row of the old one is later: the copy was made too early, or \
                the old server is still in use",
        refuses: &[],
        fix: "sync, if it is enabled, carries over what users change; otherwise stop the old server and copy again",
        look: |facts| rows(facts.old.identity.as_ref(), "oldIdnDBUrl names no database that could be asked"),
    },
    Check {
        id: "old-registry-rows",
        title: "old and new registry database have the same rows",
        needs: Needs::Databases,
        warns: "counts differ, or the newest row of the old one is later: sync never carries over the registry",
        refuses: &[],
        fix: "stop what changes the registry on the old server, and copy it again",
        look: |facts| {
            rows(
                facts.old.registry.as_ref(),
                "oldRegDBUrl names no database that could be asked, or none that differs from the new registry",
            )
        },
    },
];

const NO_HOME: &str = "oldISHome is not given";

fn old_key(facts: &Facts<'_>) -> Found {
    match &facts.old.toml {
        None => Found::NotChecked(NO_HOME.to_owned()),
        Some(Err(why)) => Found::NotChecked(why.clone()),
        Some(Ok(None)) => Found::NotChecked("oldISHome has no deployment.toml".to_owned()),
        Some(Ok(Some(toml))) => known(&has_old_key(toml, facts.settings), |same| match same {
            true => Found::Ok("it does".to_owned()),
            false => Found::Warning("it has another".to_owned()),
        }),
    }
}

fn version(facts: &Facts<'_>) -> Found {
    let (Some(old), Some(new)) = (&facts.old.home, &facts.home) else {
        return Found::NotChecked(NO_HOME.to_owned());
    };
    let text = |version: Option<(u32, u32, u32)>| {
        version.map_or("unknown".to_owned(), |(major, minor, patch)| format!("{major}.{minor}.{patch}"))
    };
    match (old.version.or(old.kernel), new.version.or(new.kernel)) {
        (None, _) | (_, None) => Found::NotChecked("the version of one of them is not known".to_owned()),
        (one, other) if one == other => Found::Ok(text(one)),
        (one, other) => Found::Warning(format!("the old one is {}, the new one {}", text(one), text(other))),
    }
}

fn files(facts: &Facts<'_>) -> Found {
    let Some(compared) = &facts.old.files else { return Found::NotChecked(NO_HOME.to_owned()) };
    known(compared, |compared| {
        let missing = compared.only_in_old.iter().map(|name| format!("{name} is not in the new home"));
        let newer = compared.newer_in_old.iter().map(|name| format!("{name} was changed in the old home"));
        let found: Vec<String> = missing.chain(newer).collect();
        if found.is_empty() {
            Found::Ok(format!("{} files, of which {} differ", compared.in_both, compared.different))
        } else {
            Found::Warning(listed(&found))
        }
    })
}

fn rows(compared: Option<&Result<Rows, String>>, none: &str) -> Found {
    let Some(compared) = compared else { return Found::NotChecked(none.to_owned()) };
    known(compared, |compared| {
        let counts = compared.different.iter();
        let counts =
            counts.map(|(table, old, new)| format!("{table}: {old} in the old one, {new} in the new one"));
        let later = compared.later.iter();
        let later =
            later.map(|(table, seconds)| format!("{table}: the newest in the old one is {seconds} s later"));
        let found: Vec<String> = counts.chain(later).collect();
        if found.is_empty() {
            Found::Ok(format!("{} tables have as many rows on both sides", compared.tables))
        } else {
            Found::Warning(listed(&found))
        }
    })
}
