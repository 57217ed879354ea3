//! The copy's server is lost while changes are carried over.

use super::pair::{Pair, Side};
use super::steps::revoke_one;
use crate::servers::on_each_server;
use crate::support::{Engine, OwnServers};

const DRAIN: &[&str] = &["sync", "--until-drained", "--quiet-for", "1s"];

on_each_server!(a_copy_whose_server_lost_commits_is_left_without_the_old_key);

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
