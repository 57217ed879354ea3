//! The copy's server is lost while changes are carried over.

use super::flow::new_token;
use super::pair::{Pair, Side};
use super::steps::revoke_one;
use crate::kit::Refused as _;
use crate::support::{Engine, OwnServers};

const DRAIN: &[&str] = &["sync", "--until-drained", "--quiet-for", "1s"];

crate::support::on_engines! {
    a_copy_whose_server_lost_commits_is_left_without_the_old_key: postgresql, slow: mysql mariadb;
    what_was_accepted_of_deletes_is_not_there_again_after_a_lost_server: postgresql, slow: mysql mariadb;
}

/// As after a failover to a replica that lags: the copy is as it was made, although all was done.
fn a_copy_whose_server_lost_commits_is_left_without_the_old_key(engine: Engine) {
    let mut servers = OwnServers::start(engine);
    let pair = Pair::new(engine, 60);
    servers.keep(engine);
    let mut running = pair.start_syncing(&["run"]);
    servers.fall_back(engine);
    running.until_it_says("were still under the old key");
    running.kill();
    // A process that has never seen the loss ends what the one before had begun.
    let ran = pair.run(DRAIN).exits(0);
    assert!(ran.stderr.contains("NEW_IS_HOME may be started now"), "{ran}");
    pair.run(&["verify"]).exits(0);
    // What the users do goes on being carried over.
    let revoked = |side| pair.count(side, "IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_STATE = 'REVOKED'");
    let before = revoked(Side::New);
    revoke_one(&pair);
    pair.run(DRAIN).exits(0);
    assert_eq!((revoked(Side::Old), revoked(Side::New)), (before + 1, before + 1));
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(&["safe-to-retire"]).exits(0);
}

/// So many rows may go in the command, not in each of the phases that a lost server cuts it into.
fn what_was_accepted_of_deletes_is_not_there_again_after_a_lost_server(engine: Engine) {
    let mut servers = OwnServers::start(engine);
    let pair = Pair::new(engine, 60);
    for number in 0..40 {
        let token = new_token(&pair, Side::Old, &format!("extra-{number}"), 1, "ACTIVE");
        pair.execute(Side::Old, &token.replace("'NONE'", &format!("'of-{number}'")));
    }
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let tokens = |side| pair.count(side, "IDN_OAUTH2_ACCESS_TOKEN");
    assert_eq!(tokens(Side::New), 100);
    let mut running = pair.start_syncing(&["sync", "--accept-deletes", "15"]);
    let delete = |which: &str| {
        let which: Vec<_> = which.split(' ').map(|number| format!("'extra-{number}'")).collect();
        let sql = format!("DELETE FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID IN ({})", which.join(", "));
        pair.execute(Side::Old, &sql);
    };
    delete("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14");
    running.until(|| tokens(Side::New) == 85);
    servers.kill(engine);
    servers.start_again(engine);
    running.until_it_says("a server was lost while changes were carried over");
    delete("15 16 17 18 19 20 21 22 23 24 25 26 27 28 29");
    let ran = running.wait().refused(5, "KR-SYN-003");
    assert!(ran.stderr.contains("IDN_OAUTH2_ACCESS_TOKEN: 85 rows at the last look, 70 now"), "{ran}");
    assert_eq!(tokens(Side::New), 85);
    pair.run(&["sync", "--until-drained", "--quiet-for", "0s", "--accept-deletes", "15"]).exits(0);
    assert_eq!(tokens(Side::New), 70);
}
