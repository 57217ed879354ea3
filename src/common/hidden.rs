//! What keeps this process's memory, which has the keys, to itself: no core dump, and no other process of the
//! same user that reads it.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Keeps it. Where the system refuses, it is said, and the work goes on.
pub fn hide() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let hidden =
        setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = hidden {
        tracing::warn!("a crash may leave a core dump with keys in it: {error}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_dumped() {
        super::hide();
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, rustix::process::DumpableBehavior::NotDumpable);
    }
}
