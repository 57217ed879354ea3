//! Files: the log with the guide's lines, and configuration files that are not like the others.

use std::fs;

use crate::kit::Kit;
use crate::portable::files::{GUIDE, count};
use crate::support::wait;

#[test]
fn the_log_has_the_guides_lines_word_for_word() {
    let kit = Kit::new();
    kit.damage();
    fs::write(
        kit.deployment.home.join("repository/tenants/2/userstores/BROKEN.xml"),
        "<UserStoreManager><Property",
    )
    .unwrap();
    kit.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    let log = kit.log();
    let counts: Vec<_> =
        GUIDE.iter().map(|(done, failed)| (count(&log, done), count(&log, failed))).collect();
    let failed: Vec<_> = counts.iter().map(|(_, failed)| *failed).collect();
    assert_eq!(failed, [1, 0, 4, 1, 1, 2, 1, 0, 0, 0, 1, 0]);
    assert!(counts.iter().all(|(done, _)| *done > 0), "{counts:?}");

    // The two claims of TOTP are counted in the guide's line, other encrypted claims in one of their own.
    let sealed = |condition: &str| {
        let before = kit.deployment.old_identity.display();
        let sql = format!(
            "SELECT COUNT(*) FROM IDN_IDENTITY_USER_DATA AS n JOIN old.IDN_IDENTITY_USER_DATA AS o
             USING (TENANT_ID, USER_NAME, DATA_KEY) WHERE n.DATA_VALUE <> o.DATA_VALUE AND DATA_KEY {condition}"
        );
        let rows = wait(async {
            use sqlx::{ConnectOptions as _, Connection as _};
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&kit.deployment.new_identity);
            let mut db = options.connect().await.unwrap();
            let attach = sqlx::AssertSqlSafe(format!("ATTACH '{before}' AS old"));
            sqlx::raw_sql(attach).execute(&mut db).await.unwrap();
            let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut db).await.unwrap();
            db.close().await.unwrap();
            count
        });
        u64::try_from(rows).unwrap()
    };
    let totp =
        "IN ('http://wso2.org/claims/identity/secretkey', 'http://wso2.org/claims/identity/verifySecretkey')";
    assert_eq!(counts[0].0, sealed(totp));
    let other =
        count(&log, "Successfully updated other identity claim data records in IDN_IDENTITY_USER_DATA: ");
    assert_eq!(other, sealed(&format!("NOT {totp}")));
    assert!(other > 0);
}
