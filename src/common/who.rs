//! Who is at work: what is recorded with every step and session.

/// Where users of this machine have their names.
const PASSWD: &str = "/etc/passwd";

/// The longest name that is believed.
const LONGEST: usize = 64;

/// This host, and the operating system's user: by `USER`, else by the machine's list of users; and, since
/// anybody can set `USER`, by the number that the kernel knows.
pub fn whoami() -> (String, String) {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let id = rustix::process::getuid().as_raw();
    let named = std::env::var("USER").ok().map(|name| plain(&name)).filter(|name| !name.is_empty());
    let name = named.or_else(|| name_of(id, &std::fs::read_to_string(PASSWD).unwrap_or_default()));
    let by_way_of = std::env::var("SUDO_UID").ok().and_then(|text| text.parse().ok());
    (host, described(name, id, by_way_of))
}

/// A user as it is recorded: the name that people give, and the number that the kernel knows. `SUDO_UID` is
/// trusted for root only, since any other process can set it.
fn described(name: Option<String>, id: u32, sudo: Option<u32>) -> String {
    let by = sudo.filter(|_| id == 0).map(|sudo| format!(", sudo by uid {sudo}")).unwrap_or_default();
    format!("{} (uid {id}{by})", name.unwrap_or_else(|| id.to_string()))
}

/// A name without what could pass for the number behind it.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !matches!(c, '(' | ')')).take(LONGEST).collect()
}

/// The name of a user in a list of the form of `/etc/passwd`.
fn name_of(id: u32, users: &str) -> Option<String> {
    let is_its = |line: &&str| line.split(':').nth(2).is_some_and(|field| field.parse() == Ok(id));
    let name = users.lines().find(is_its)?.split(':').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_kernel_too() {
        assert_eq!(described(Some("anna".into()), 1000, None), "anna (uid 1000)");
        assert_eq!(described(Some("anna".into()), 0, Some(1000)), "anna (uid 0, sudo by uid 1000)");
        assert_eq!(described(None, 7, Some(0)), "7 (uid 7)", "only root is believed");
        assert_eq!(described(Some(plain("root (uid 0)\n")), 7, None), "root uid 0 (uid 7)");
    }

    #[test]
    fn a_user_is_found_by_number_and_nothing_else_is() {
        let users = "root:x:0:0:root:/root:/bin/bash\n+::::::\n#:x\nanna:x:1000:1:,:/home/anna:\n:x:7:7:::\n";
        assert_eq!(name_of(0, users).as_deref(), Some("root"));
        assert_eq!(name_of(1000, users).as_deref(), Some("anna"));
        for id in [1, 7, 42] {
            assert_eq!(name_of(id, users), None, "{id}");
        }
        assert_eq!(name_of(0, ""), None);
    }
}
