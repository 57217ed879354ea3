//! Small pieces of the page: moments, spans of time, names.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::document::safe::{excerpt, visible};

/// The longest note or reason that is shown whole, in characters.
const LONGEST: usize = 1000;

/// A moment, to the second; a dash for none.
pub(super) fn moment(at: Option<&str>) -> Markup {
    let parsed = at.and_then(|at| at.parse::<Timestamp>().ok());
    html! {
        @match (at, parsed) {
            (Some(at), Some(time)) => time datetime=(at) { (time.strftime("%Y-%m-%d %H:%M:%S")) " UTC" },
            (Some(at), None) => (visible(at)),
            (None, _) => span.none { "not yet" },
        }
    }
}

/// A name that machines gave.
pub(super) fn mono(text: &str) -> Markup {
    html! { code { (visible(text)) } }
}

/// A text that people or databases gave: kept apart from the text around it, whatever its
/// direction, and cut if it is very long.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi { (excerpt(text, LONGEST)) } }
}

/// How long something took.
pub(super) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0..10) => format!("{}.{} s", seconds, milliseconds / 100 % 10),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) if hours < 48 => format!("{hours} h {minutes:02} min"),
        (hours, ..) => format!("{} d {:02} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::{moment, span};

    #[test]
    fn spans_of_time() {
        let spans = [0, 940, 9_999, 12_000, 61_000, 3_723_000, 200_000_000].map(span);
        assert_eq!(spans, ["0.0 s", "0.9 s", "9.9 s", "12 s", "1 min 01 s", "1 h 02 min", "2 d 07 h"]);
    }

    #[test]
    fn moments() {
        let shown = moment(Some("2026-11-24T18:09:36.25Z")).into_string();
        assert_eq!(shown, "<time datetime=\"2026-11-24T18:09:36.25Z\">2026-11-24 18:09:36 UTC</time>");
        assert!(moment(None).into_string().contains("not yet"));
    }
}
