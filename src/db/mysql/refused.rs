//! What a server of MySQL or MariaDB has refused.

use crate::dialect::MYSQL;
use crate::error::DbError;
use crate::remote;

/// What the server has refused.
pub(super) fn refusal(number: u16, state: &str, message: &str) -> DbError {
    let text = format!("{} (error {number})", remote::redact(message));
    DbError::new((MYSQL.class)(number.into(), state), text).with_remedy((MYSQL.remedy)(
        number.into(),
        state,
        message,
    ))
}
