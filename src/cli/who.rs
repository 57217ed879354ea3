//! Who is at work: what is recorded with every step and session.

/// Where users of this machine have their names.
const PASSWD: &str = "/etc/passwd";

/// This host, and the operating system's user: by `USER`, else by the machine's list of users, else by
/// number.
pub(super) fn whoami() -> (String, String) {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let named = std::env::var("USER").ok().filter(|name| !name.is_empty());
    let user = named.unwrap_or_else(|| {
        let id = rustix::process::geteuid().as_raw();
        let users = std::fs::read_to_string(PASSWD).unwrap_or_default();
        name_of(id, &users).unwrap_or_else(|| id.to_string())
    });
    (host, user)
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
