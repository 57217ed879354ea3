//! Catches panics of sled without a word on the screen.
//!
//! sled panics on damaged files, in the caller's thread and in its own. While at least one
//! [`quietly`] runs, a filter stands before the process's panic hook and swallows those panics;
//! afterwards the hook is put back as it was. Panics of other threads are shown as ever.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>;

/// How many guarded calls run, and the hook that waits for the last of them to end.
static FILTER: Mutex<(usize, Option<Arc<Hook>>)> = Mutex::new((0, None));

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `Err` holds the message of a panic. What `work` touched must not be used after one.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let _filter = Filter::install();
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        text.lines().next().unwrap_or_default().chars().take(120).collect()
    })
}

struct Filter {
    outer: bool,
    installed: bool,
}

impl Filter {
    fn install() -> Self {
        // The hook cannot be exchanged from a thread that is panicking.
        let installed = !thread::panicking();
        if installed {
            let mut filter = FILTER.lock().unwrap_or_else(PoisonError::into_inner);
            if filter.0 == 0 {
                let before = Arc::new(panic::take_hook());
                let shown = Arc::clone(&before);
                panic::set_hook(Box::new(move |info| {
                    let ours =
                        QUIET.get() || thread::current().name().is_some_and(|name| name.starts_with("sled"));
                    if !ours {
                        shown(info);
                    }
                }));
                filter.1 = Some(before);
            }
            filter.0 += 1;
        }
        Self { outer: QUIET.replace(true), installed }
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        QUIET.set(self.outer);
        if !self.installed {
            return;
        }
        let mut filter = FILTER.lock().unwrap_or_else(PoisonError::into_inner);
        filter.0 -= 1;
        if filter.0 == 0
            && let Some(before) = filter.1.take()
        {
            drop(panic::take_hook());
            if let Ok(hook) = Arc::try_unwrap(before) {
                panic::set_hook(hook);
            }
        }
    }
}
