//! Which modules need each other.

use std::collections::{BTreeMap, BTreeSet};

/// Fails if modules need each other in a circle.
pub(crate) fn assert_no_circle<'a>(needs: &BTreeMap<&'a str, Vec<&'a str>>) {
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    while settled.len() < needs.len() {
        let next = needs.iter().find(|(module, below)| {
            let is_settled = |below: &&str| settled.contains(below) || !needs.contains_key(below);
            !settled.contains(*module) && below.iter().all(is_settled)
        });
        let Some((module, _)) = next else {
            let left: Vec<_> = needs.keys().filter(|module| !settled.contains(*module)).collect();
            panic!("these import each other in a circle: {left:?}");
        };
        settled.insert(module);
    }
}

/// The names that stand behind `crate::` in a text, and in brackets behind that.
pub(crate) fn behind_crate(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, marker) in text.match_indices("crate::") {
        let rest = &text[at + marker.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.extend(rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next());
            continue;
        };
        let (mut depth, mut is_first) = (0, true);
        for word in list.split_inclusive(|c: char| "{},:; ".contains(c)) {
            let name = word.trim_end_matches(|c: char| "{},:; \n".contains(c)).trim();
            if depth == 0 && is_first && !name.is_empty() {
                found.push(name);
                is_first = false;
            }
            match word.chars().last() {
                Some('{') => depth += 1,
                Some('}') if depth == 0 => break,
                Some('}') => depth -= 1,
                Some(',') if depth == 0 => is_first = true,
                _ => {}
            }
        }
    }
    found
}
