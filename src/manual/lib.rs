//! What the program says of itself: examples of every command, groups of commands, and the pages of error ids and
//! checks. Pure: texts in, texts out.

use keyrotation_common::{error, fit};
use keyrotation_plan as plan;

mod examples;
mod explained;
mod groups;
mod plain;

pub use examples::{each_example, examples};
pub use explained::{Index, Topic, find, index, names};
pub use groups::{GROUPS, grouped};
pub use plain::unmarked_page;
